import type { MonitorPolicy } from '../../models/index.js';
import { type BoundedMeanState, newBoundedMean, observeBoundedMean } from './detectors/bounded-mean.js';
import { changePoint } from './detectors/mixture.js';
import { learnedAverage, type LearnedMean, learnedUpperBound, learnValue, NEW_LEARNED_MEAN } from './learned-mean.js';

/**
 * Watches the mean of something that is never negative and has no natural end: the error of a number, the distance of two
 * answers. It goes through three phases: the first observations set a scale, the next ones say what is usual on that
 * scale, and from then on a bounded-mean e-detector looks for a rise.
 *
 * Values above the scale count as the scale: so the detector's guarantee holds whatever the tail is, and it is a promise
 * about the mean of the clipped value.
 */

/** Probability that what is tolerated lies below the true stable mean because it was learned from few observations. */
export const MEAN_MISS = 0.05;
/** How many of the newest observations tell the recent level. */
const RECENT = 400;
/** The scale is so many times the mean of the first observations. */
const SCALE_OVER_MEAN = 4;
const LEAST_SCALE_ROWS = 20;
/** Below so small a share of the values themselves an error is taken as rounding. */
const LEAST_RELATIVE_SCALE = 1e-3;
const SMALLEST_SCALE = 1e-9;
const SMALLEST_MEAN = 1e-4;
const LARGEST_MEAN = 0.999;

/** One error or distance, not negative and finite. */
export interface MeanObservation {
  readonly value: number;
  /** Size of what it is an error of: keeps the scale above zero when all first errors are zero. */
  readonly magnitude: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Plain data: survives JSON bit for bit. */
export interface MeanMonitorState {
  readonly first: { readonly samples: number; readonly sum: number; readonly magnitude: number };
  /** Values are divided by it and cut at 1; null while the first are still being seen. */
  readonly scale: number | null;
  readonly learned: LearnedMean | null;
  /** What is tolerated, on the scale; null while it is learned. `average` is the usual mean behind it. */
  readonly limit: { readonly mean: number; readonly average: number; readonly samples: number } | null;
  readonly detector: BoundedMeanState | null;
  /** The newest values, cut at the scale's end, oldest first. */
  readonly recent: readonly number[];
  readonly newestAt: number | null;
}

export const NEW_MEAN_MONITOR: MeanMonitorState = {
  first: { samples: 0, sum: 0, magnitude: 0 },
  scale: null,
  learned: null,
  limit: null,
  detector: null,
  recent: [],
  newestAt: null,
};

type Policy = Pick<MonitorPolicy, 'falseAlarmEvery' | 'minimumSamples' | 'errorTolerance'>;

/**
 * The state after a batch, in the order given. Equal to feeding its parts one after the other. Observations that are no
 * number count as the largest there is.
 *
 * @param bound the natural end of the values, where there is one (1 for a distance of texts): then nothing is scaled
 */
export function observeMean(
  before: MeanMonitorState,
  batch: readonly MeanObservation[],
  policy: Policy,
  bound: number | null = null,
): MeanMonitorState {
  let state = before;
  let at = 0;
  while (at < batch.length && state.detector === null) {
    state = learnFrom(state, batch[at]!, policy, bound);
    at += 1;
  }
  const { detector, scale } = state;
  if (detector === null || scale === null || at === batch.length) return state;
  const rest = batch.slice(at).map((one) => ({ value: Math.min(1, usable(one.value) / scale), at: one.at }));
  return {
    ...state,
    detector: observeBoundedMean(detector, rest),
    recent: [...state.recent, ...rest.slice(-RECENT).map(({ value }) => value)].slice(-RECENT),
    newestAt: rest.reduce((newest, one) => Math.max(newest, one.at), state.newestAt ?? 0),
  };
}

/** One observation before there is a detector. */
function learnFrom(
  state: MeanMonitorState,
  observation: MeanObservation,
  policy: Policy,
  bound: number | null,
): MeanMonitorState {
  const newestAt = Math.max(state.newestAt ?? 0, observation.at);
  const value = usable(observation.value);
  const scale = state.scale ?? bound;
  if (scale === null) return { ...seeFirst(state, value, observation.magnitude, policy), newestAt };
  const scaled = Math.min(1, value / scale);
  const learned = learnValue(state.learned ?? NEW_LEARNED_MEAN, scaled, policy.minimumSamples, MEAN_MISS);
  const next = { ...state, scale, recent: [...state.recent, scaled].slice(-RECENT), newestAt };
  if (learned.samples < policy.minimumSamples) return { ...next, learned };
  const average = learnedAverage(learned) ?? 0;
  const tolerated = Math.max(average * (1 + policy.errorTolerance), learnedUpperBound(learned, MEAN_MISS));
  const mean = Math.min(LARGEST_MEAN, Math.max(SMALLEST_MEAN, tolerated));
  return {
    ...next,
    learned: null,
    limit: { mean, average, samples: learned.samples },
    detector: newBoundedMean(mean, policy.falseAlarmEvery),
  };
}

function usable(value: number): number {
  return Number.isFinite(value) ? Math.max(0, value) : Number.MAX_VALUE;
}

function seeFirst(state: MeanMonitorState, value: number, magnitude: number, policy: Policy): MeanMonitorState {
  const rows = Math.max(LEAST_SCALE_ROWS, Math.ceil(policy.minimumSamples / 4));
  const first = {
    samples: state.first.samples + 1,
    sum: state.first.sum + Math.min(value, Number.MAX_VALUE / rows),
    magnitude: state.first.magnitude + Math.min(Math.abs(magnitude), Number.MAX_VALUE / rows),
  };
  if (first.samples < rows) return { ...state, first };
  const least = (LEAST_RELATIVE_SCALE * first.magnitude) / rows;
  const scale = Math.max(SMALLEST_SCALE, least, (SCALE_OVER_MEAN / rows) * first.sum);
  return { ...state, first, scale: Number.isFinite(scale) ? scale : Number.MAX_VALUE };
}

/** Observations since the monitor began, those it learned from included. */
export function meanObservationCount({ first, learned, limit, detector }: MeanMonitorState): number {
  return first.samples + (learned?.samples ?? limit?.samples ?? 0) + (detector?.observations ?? 0);
}

/** Mean of the newest observations with its 95 % bounds, in the unit of the values. */
export interface MeanLevel {
  readonly value: number;
  readonly lower: number;
  readonly upper: number;
  readonly samples: number;
}

/**
 * The recent level (values cut at the scale's end), at most the newest 400; while it alarms only those since the estimated
 * change. The bounds are the normal ones of a mean. Null before there is a scale.
 */
export function recentMean({ scale, detector, recent }: MeanMonitorState): MeanLevel | null {
  if (scale === null || recent.length === 0) return null;
  const sinceChange =
    detector?.alarm == null ? recent.length : Math.max(1, detector.observations - changePoint(detector).index);
  const used = recent.slice(-sinceChange);
  const mean = used.reduce((sum, value) => sum + value, 0) / used.length;
  const variance = used.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(1, used.length - 1);
  const spread = 1.96 * Math.sqrt(variance / used.length);
  const unit = (share: number): number => share * scale;
  return {
    value: unit(mean),
    lower: unit(Math.max(0, mean - spread)),
    upper: unit(Math.min(1, mean + spread)),
    samples: used.length,
  };
}
