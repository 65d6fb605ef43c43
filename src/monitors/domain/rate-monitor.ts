import type { MonitorPolicy } from '../../models/index.js';
import { type BinaryObservation, changePoint, type EDetector, newEDetector, observe } from './e-detector.js';
import { type RateLevel, upperBound, wilson } from './rate-bounds.js';

/** How many of the newest observations tell the recent level. */
const RECENT = 400;
/** Probability that the tolerated rate lies below the true stable one because few answers were evaluated. */
export const LIMIT_MISS = 0.05;
const SMALLEST_LIMIT = 1e-4;
const LARGEST_LIMIT = 0.95;

/** The rate that is no change, and where it comes from. */
export interface ToleratedRate {
  readonly rate: number;
  /** The measured rate behind it. */
  readonly estimate: number;
  readonly samples: number;
  readonly source: 'evaluation' | 'first-answers';
}

/** Plain data: survives JSON bit for bit. */
export interface RateMonitorState {
  /** null while the first answers are still being counted. */
  readonly limit: ToleratedRate | null;
  /** What the first answers have shown so far; only without an evaluated rate. */
  readonly learned: { readonly bad: number; readonly samples: number };
  readonly detector: EDetector | null;
  /** The newest observations, `1` = bad, oldest first. */
  readonly recent: string;
  /** Milliseconds since 1970 of the newest observation by its own time. */
  readonly newestAt: number | null;
}

/**
 * p0 out of an estimate: the estimated rate plus what nobody minds, but never less than the 95 % Clopper–Pearson upper
 * bound of the stable rate. So with probability at least 95 % the true stable rate does not exceed p0, and then the
 * detector's promise holds as it is stated.
 */
export function toleratedRate(
  bad: number,
  samples: number,
  tolerance: number,
  source: ToleratedRate['source'],
): ToleratedRate {
  const estimate = samples === 0 ? 0 : bad / samples;
  const rate = Math.max(estimate + tolerance, upperBound(bad, samples, LIMIT_MISS));
  return { rate: Math.min(LARGEST_LIMIT, Math.max(SMALLEST_LIMIT, rate)), estimate, samples, source };
}

/** A monitor that has seen nothing. `evaluated` is null when nobody measured the promoted version. */
export function newRateMonitor(
  evaluated: { readonly rate: number; readonly samples: number } | null,
  tolerance: number,
  falseAlarmEvery: number,
): RateMonitorState {
  const limit =
    evaluated === null || evaluated.samples === 0
      ? null
      : toleratedRate(evaluated.rate * evaluated.samples, evaluated.samples, tolerance, 'evaluation');
  const detector = limit === null ? null : newEDetector(limit.rate, falseAlarmEvery);
  return { limit, learned: { bad: 0, samples: 0 }, detector, recent: '', newestAt: null };
}

/** The state after a batch, in the order given. Equal to feeding its parts one after the other. */
export function observeRate(
  state: RateMonitorState,
  batch: readonly BinaryObservation[],
  policy: Pick<MonitorPolicy, 'falseAlarmEvery' | 'minimumSamples'>,
  tolerance: number,
): RateMonitorState {
  if (batch.length === 0) return state;
  let { limit, learned, detector } = state;
  let rest = batch;
  if (limit === null) {
    const first = batch.slice(0, Math.max(0, policy.minimumSamples - learned.samples));
    rest = batch.slice(first.length);
    learned = { bad: learned.bad + first.filter((one) => one.bad).length, samples: learned.samples + first.length };
    if (learned.samples >= policy.minimumSamples) {
      limit = toleratedRate(learned.bad, learned.samples, tolerance, 'first-answers');
      detector = newEDetector(limit.rate, policy.falseAlarmEvery);
    }
  }
  return {
    limit,
    learned,
    detector: detector === null ? null : observe(detector, rest),
    recent: (state.recent + batch.map((one) => (one.bad ? '1' : '0')).join('')).slice(-RECENT),
    newestAt: batch.reduce((newest, one) => Math.max(newest, one.at), state.newestAt ?? 0),
  };
}

/** Observations since the monitor began, those it learned from included. */
export function observationCount(state: RateMonitorState): number {
  return state.learned.samples + (state.detector?.observations ?? 0);
}

/**
 * Wilson bounds (95 %) over the newest observations, at most 400: while it alarms only those since the estimated
 * change. Null before the first.
 */
export function recentLevel(state: RateMonitorState): RateLevel | null {
  const { detector, recent } = state;
  const sinceChange =
    detector?.alarm == null ? recent.length : Math.max(1, detector.observations - changePoint(detector).index);
  const used = recent.slice(-sinceChange);
  return wilson(used.split('1').length - 1, used.length);
}
