import type { Evidence } from '../../kernel/index.js';
import type { MonitorPolicy } from '../../models/index.js';
import { latencyQuantile, type Window } from '../../telemetry/index.js';
import { wilson } from './rate-bounds.js';
import { binomialTail, normalQuantile } from './special-functions.js';
import { type Statement, undecided } from './statement.js';

const WINDOWS = 3;
const WINDOWS_ABOVE = 2;

/**
 * p95 latency of the newest three windows against its ceiling; pure in them, it keeps no state.
 *
 * A window is above when even the lower bound of its p95 is: the quantile of rank 0.95 − z·√(0.95·0.05/n), the normal
 * form of the order-statistic bound, with z for the level n/A. An alarm needs two of three, so that one slow window (a
 * garbage collection, a neighbour) is not one.
 */
export function stateLatency(windows: readonly Window[], ceilingMs: number, policy: MonitorPolicy): Statement {
  const falseAlarm = `An alarm needs ${WINDOWS_ABOVE} of the newest ${WINDOWS} windows above the ceiling, each at a level of its answers/${policy.falseAlarmEvery.toLocaleString('en-US')}; answers within a window count as independent.`;
  const newest = windows.filter((window) => window.requests > window.errors).slice(-WINDOWS);
  const samples = newest.reduce((sum, window) => sum + window.requests - window.errors, 0);
  if (newest.length < WINDOWS || samples < policy.minimumSamples)
    return undecided(
      `${samples} answers in ${newest.length} recent windows; ${policy.minimumSamples} in ${WINDOWS} are needed.`,
      falseAlarm,
    );
  const value = latencyQuantile(newest, 0.95);
  const above = newest.filter((window) => lowerBoundMs(window, policy.falseAlarmEvery) > ceilingMs).length;
  const evidence: Evidence[] = [
    measured('latency_p95_milliseconds', value, samples, newest),
    measured('ceiling_milliseconds', ceilingMs, samples, newest),
    measured('windows_above', above, samples, newest),
  ];
  const explanation = `The p95 of the newest ${samples} answers is ${(value ?? 0).toFixed(2)} ms, ${ceilingMs} ms is the ceiling; ${above} of ${WINDOWS} windows are above it.`;
  const state = above >= WINDOWS_ABOVE ? 'alarm' : 'calm';
  return { state, evidence, falseAlarm, explanation, changeAt: null, level: null };
}

function lowerBoundMs(window: Window, falseAlarmEvery: number): number {
  const n = window.requests - window.errors;
  const z = normalQuantile(1 - Math.min(0.5, n / falseAlarmEvery));
  const rank = 0.95 - z * Math.sqrt((0.95 * 0.05) / n);
  return rank <= 0 ? 0 : (latencyQuantile([window], rank) ?? 0);
}

/** Plain data: survives JSON bit for bit. */
export interface ErrorsMonitorState {
  readonly pending: { readonly requests: number; readonly errors: number };
  readonly last: {
    readonly requests: number;
    readonly errors: number;
    readonly pValue: number;
    readonly at: number;
    readonly above: boolean;
  } | null;
}

export const NEW_ERRORS_MONITOR: ErrorsMonitorState = { pending: { requests: 0, errors: 0 }, last: null };

/**
 * Adds one window and looks when `minimumSamples` requests are together: above when the exact binomial probability of so
 * many errors at the allowed ratio is below m/A (the Clopper–Pearson bound as a test). Blocks do not overlap, so the
 * expected number of false alarms within n requests is at most n/A.
 */
export function observeErrors(
  state: ErrorsMonitorState,
  window: Pick<Window, 'requests' | 'errors' | 'newestAt'>,
  maxErrorRatio: number,
  policy: Pick<MonitorPolicy, 'falseAlarmEvery' | 'minimumSamples'>,
): ErrorsMonitorState {
  const requests = state.pending.requests + window.requests;
  const errors = state.pending.errors + window.errors;
  if (requests < policy.minimumSamples) return { ...state, pending: { requests, errors } };
  const pValue = binomialTail(errors, requests, maxErrorRatio);
  const above = pValue < Math.min(1, requests / policy.falseAlarmEvery);
  return {
    pending: { requests: 0, errors: 0 },
    last: { requests, errors, pValue, at: window.newestAt.getTime(), above },
  };
}

/** What the errors monitor states now. */
export function stateErrors(state: ErrorsMonitorState, maxErrorRatio: number, policy: MonitorPolicy): Statement {
  const falseAlarm = `The expected number of false alarms within n requests is at most n/${policy.falseAlarmEvery.toLocaleString('en-US')} while the error ratio stays within the allowed one (exact binomial test a block).`;
  const { last, pending } = state;
  if (last === null)
    return undecided(`Only ${pending.requests} requests so far; ${policy.minimumSamples} are needed.`, falseAlarm);
  const common = {
    samples: last.requests,
    newestAt: new Date(last.at),
    series: 1,
    warnings: [],
    query: 'newest block of windows',
  };
  const level = wilson(last.errors, last.requests);
  return {
    state: last.above ? 'alarm' : 'calm',
    evidence: [
      { ...common, name: 'error_ratio', value: last.errors / last.requests },
      { ...common, name: 'allowed_ratio', value: maxErrorRatio },
      { ...common, name: 'p_value', value: last.pValue },
    ],
    falseAlarm,
    explanation: `${last.errors} of the newest ${last.requests} requests failed; a share of ${maxErrorRatio} is allowed.`,
    changeAt: null,
    level,
  };
}

function measured(name: string, value: number | null, samples: number, windows: readonly Window[]): Evidence {
  const newestAt = windows.reduce<Date | null>(
    (newest, { newestAt: at }) => (newest === null || at > newest ? at : newest),
    null,
  );
  return {
    name,
    value,
    samples,
    newestAt,
    series: 1,
    warnings: [],
    query: `newest ${WINDOWS} closed windows of the champion`,
  };
}
