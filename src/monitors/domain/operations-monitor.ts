import type { Evidence } from '../../kernel/index.js';
import type { MonitorPolicy } from '../../models/index.js';
import { latencyQuantile, mergeLatencies, type Window } from '../../telemetry/index.js';
import { wilson } from './rate-bounds.js';
import { binomialTail, normalQuantile } from './special-functions.js';
import { type Statement, undecided } from './statement.js';

const WINDOWS = 3;
const WINDOWS_ABOVE = 2;
/** Share of requests that may be slower than the ceiling: it is a ceiling of the p95. */
export const SLOW_BUDGET = 0.05;
/** A sketch is right within 1 %. */
const SKETCH_ERROR = 1.01;

/** How many tests share the false-alarm level of an objective: the one here and each burn-rate rule. */
export function testsOf(policy: Pick<MonitorPolicy, 'burnRates'>): number {
  return 1 + policy.burnRates.length;
}

/**
 * Requests of a window that were certainly slower than this, by its sketch, and those whose latency is known. Binary search
 * over the ranks: a value counts when its bin lies wholly above.
 */
export function slowRequests(window: Pick<Window, 'latency'>, ceilingMs: number): { slow: number; timed: number } {
  const sketch = mergeLatencies([window]);
  const timed = sketch.count;
  let low = 0;
  let high = timed;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const value = sketch.quantile(timed === 1 ? 0 : middle / (timed - 1)) ?? 0;
    if (value > ceilingMs * SKETCH_ERROR) high = middle;
    else low = middle + 1;
  }
  return { slow: timed - low, timed };
}

/**
 * p95 latency of the newest three windows against its ceiling; pure in them, it keeps no state.
 *
 * A window is above when even the lower bound of its p95 is: the quantile of rank 0.95 − z·√(0.95·0.05/n), the normal
 * form of the order-statistic bound, with z for the level n/A. An alarm needs two of three, so that one slow window (a
 * garbage collection, a neighbour) is not one.
 */
export function stateLatency(windows: readonly Window[], ceilingMs: number, policy: MonitorPolicy): Statement {
  const every = policy.falseAlarmEvery * testsOf(policy);
  const falseAlarm = `An alarm needs ${WINDOWS_ABOVE} of the newest ${WINDOWS} windows above the ceiling, each at a level of its answers/${every.toLocaleString('en-US')}; answers within a window count as independent.`;
  const timed = windows.map((window) => ({ window, count: mergeLatencies([window]).count }));
  const newest = timed.filter(({ window, count }) => window.requests > window.errors && count > 0).slice(-WINDOWS);
  const samples = newest.reduce((sum, { count }) => sum + count, 0);
  if (newest.length < WINDOWS || samples < policy.minimumSamples)
    return undecided(
      `${samples} answers in ${newest.length} recent windows; ${policy.minimumSamples} in ${WINDOWS} are needed.`,
      falseAlarm,
    );
  const used = newest.map(({ window }) => window);
  const value = latencyQuantile(used, 0.95);
  const above = newest.filter(({ window, count }) => lowerBoundMs(window, count, every) > ceilingMs).length;
  const evidence: Evidence[] = [
    measured('latency_p50_milliseconds', latencyQuantile(used, 0.5), samples, used),
    measured('latency_p95_milliseconds', value, samples, used),
    measured('latency_p99_milliseconds', latencyQuantile(used, 0.99), samples, used),
    measured('ceiling_milliseconds', ceilingMs, samples, used),
    measured('windows_above', above, samples, used),
  ];
  const explanation = `The p95 of the newest ${samples} answers is ${(value ?? 0).toFixed(2)} ms, ${ceilingMs} ms is the ceiling; ${above} of ${WINDOWS} windows are above it.`;
  const state = above >= WINDOWS_ABOVE ? 'alarm' : 'calm';
  const scores = [
    { name: 'p95-seconds', score: (value ?? 0) / 1000, threshold: ceilingMs / 1000 },
    { name: 'windows-above', score: above, threshold: WINDOWS_ABOVE },
  ];
  return { state, evidence, falseAlarm, explanation, changeAt: null, level: null, scores };
}

function lowerBoundMs(window: Window, n: number, every: number): number {
  const z = normalQuantile(1 - Math.min(0.5, n / every));
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
 * many errors at the allowed ratio is below its share of m/A (the Clopper–Pearson bound as a test). Blocks do not overlap,
 * so the expected number of false alarms within n requests is at most n/A over it and the burn-rate rules together.
 */
export function observeErrors(
  state: ErrorsMonitorState,
  window: Pick<Window, 'requests' | 'errors' | 'newestAt'>,
  maxErrorRatio: number,
  policy: Pick<MonitorPolicy, 'falseAlarmEvery' | 'minimumSamples' | 'burnRates'>,
): ErrorsMonitorState {
  const requests = state.pending.requests + window.requests;
  const errors = state.pending.errors + window.errors;
  if (requests < policy.minimumSamples) return { ...state, pending: { requests, errors } };
  const pValue = binomialTail(errors, requests, maxErrorRatio);
  const above = pValue < levelOf(requests, policy);
  return {
    pending: { requests: 0, errors: 0 },
    last: { requests, errors, pValue, at: window.newestAt.getTime(), above },
  };
}

function levelOf(requests: number, policy: Pick<MonitorPolicy, 'falseAlarmEvery' | 'burnRates'>): number {
  return Math.min(1, requests / (policy.falseAlarmEvery * testsOf(policy)));
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
    scores: [
      { name: 'error-ratio', score: last.errors / last.requests, threshold: maxErrorRatio },
      { name: 'block-test', score: decades(last.pValue), threshold: decades(levelOf(last.requests, policy)) },
    ],
  };
}

/** How improbable: 3 = one in a thousand. */
function decades(probability: number): number {
  return Math.min(300, -Math.log10(Math.max(Number.MIN_VALUE, probability)));
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
