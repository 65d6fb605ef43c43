import type { Evidence } from '../../kernel/index.js';
import type { MonitorPolicy } from '../../models/index.js';
import { compareHistograms, type DriftTest } from './drift-test.js';
import { addTallies, align, EMPTY_TALLY, type Tally } from './histograms.js';
import { type Statement, undecided } from './statement.js';

/** A shift that is significant but smaller than this is not worth an alarm. */
export const LEAST_PSI = 0.1;
/** Calm looks in a row that end an alarm. */
const CALM_LOOKS = 2;

/** The result of one look at a block of answers. */
export interface DriftLook {
  /** Milliseconds since 1970 of the newest window in the block. */
  readonly at: number;
  readonly requests: number;
  /** Level that each feature's p-value was held against. */
  readonly level: number;
  readonly features: Readonly<Record<string, DriftTest>>;
  readonly drifted: readonly string[];
}

/** Plain data: survives JSON bit for bit. */
export interface DriftMonitorState {
  /** Answers since the last look. */
  readonly pending: Tally;
  readonly looks: number;
  readonly last: DriftLook | null;
  /** Newest look that found drift while it alarms. */
  readonly alarm: DriftLook | null;
  readonly calmLooks: number;
}

export const NEW_DRIFT_MONITOR: DriftMonitorState = {
  pending: EMPTY_TALLY,
  looks: 0,
  last: null,
  alarm: null,
  calmLooks: 0,
};

/**
 * Adds one window's tally and looks when the block is full (`minimumSamples` answers). Blocks do not overlap.
 *
 * Each look of m answers may spend m/A of the false-alarm contract, split evenly over its F features (Bonferroni): a
 * feature drifts when its p-value is below m/(A·F) and its PSI at least 0.1. By the union bound the expected number of
 * false alarms within n answers is at most n/A, however long one looks; that the looks share one finite baseline does
 * not matter, because a union bound needs no independence and each two-sample test counts the baseline as a sample.
 */
export function observeDrift(
  state: DriftMonitorState,
  baseline: Tally,
  window: Tally,
  at: number,
  policy: Pick<MonitorPolicy, 'falseAlarmEvery' | 'minimumSamples'>,
): DriftMonitorState {
  const pending = addTallies(state.pending, window);
  if (pending.requests < policy.minimumSamples) return { ...state, pending };
  const look = lookAt(baseline, pending, at, policy.falseAlarmEvery);
  const calmLooks = look.drifted.length > 0 ? 0 : state.calmLooks + 1;
  const alarm = look.drifted.length > 0 ? look : calmLooks >= CALM_LOOKS ? null : state.alarm;
  return { pending: EMPTY_TALLY, looks: state.looks + 1, last: look, alarm, calmLooks };
}

function lookAt(baseline: Tally, recent: Tally, at: number, falseAlarmEvery: number): DriftLook {
  const tests: Record<string, DriftTest> = {};
  for (const [name, counts] of Object.entries(recent.features)) {
    const base = baseline.features[name];
    const aligned = base === undefined ? null : align(base, counts);
    if (aligned !== null) tests[name] = compareHistograms(...aligned);
  }
  const level = Math.min(1, recent.requests / falseAlarmEvery) / Math.max(1, Object.keys(tests).length);
  const drifted = Object.entries(tests)
    .filter(([, test]) => test.pValue < level && test.psi >= LEAST_PSI)
    .sort(([, a], [, b]) => b.psi - a.psi)
    .map(([name]) => name);
  return { at, requests: recent.requests, level, features: tests, drifted };
}

/** What a drift monitor states now; `baseline` null = none is frozen yet. */
export function stateDrift(
  what: 'input' | 'prediction',
  state: DriftMonitorState,
  baseline: Tally | null,
  policy: MonitorPolicy,
): Statement {
  const falseAlarm = `The expected number of false alarms within n answers is at most n/${policy.falseAlarmEvery.toLocaleString('en-US')} (homogeneity test, one a block of at least ${policy.minimumSamples} answers, Bonferroni over features and blocks), and only shifts of PSI ≥ ${LEAST_PSI} count.`;
  if (baseline === null)
    return undecided(`The baseline is still being taken: it needs ${policy.minimumSamples} answers.`, falseAlarm);
  const { last, alarm } = state;
  if (last === null)
    return undecided(
      `${state.pending.requests} answers since the promotion; a look needs ${policy.minimumSamples}.`,
      falseAlarm,
    );
  const evidence = evidenceOf(what, last);
  const common = { evidence, falseAlarm, changeAt: null, level: null };
  if (Object.keys(last.features).length === 0)
    return { ...common, state: 'undecided', explanation: 'No feature has the bins that its baseline has.' };
  if (alarm === null) {
    const largest = Math.max(...Object.values(last.features).map((test) => test.psi));
    const explanation = `The newest ${last.requests} answers show no shift of the ${what}s (largest PSI ${largest.toFixed(2)}).`;
    return { ...common, state: 'calm', explanation };
  }
  const named = alarm.drifted.map((name) => `${name} (PSI ${(alarm.features[name]?.psi ?? 0).toFixed(2)})`).join(', ');
  return { ...common, state: 'alarm', explanation: `The ${what}s have shifted against the baseline: ${named}.` };
}

function evidenceOf(what: string, look: DriftLook): Evidence[] {
  return Object.entries(look.features).flatMap(([name, test]) =>
    (['psi', 'jensenShannon', 'pValue'] as const).map((key) => ({
      name: `${name}.${key}`,
      value: test[key],
      samples: look.requests,
      newestAt: new Date(look.at),
      series: 1,
      warnings: [],
      query: `${what} histogram of the newest block against the frozen baseline`,
    })),
  );
}
