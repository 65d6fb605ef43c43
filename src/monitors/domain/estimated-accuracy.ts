import type { MonitorPolicy } from '../../models/index.js';
import {
  addLabelled,
  type CalibrationData,
  type Calibrator,
  CONFIDENCE_BINS,
  fitCalibrator,
  labelledRows,
  NO_CALIBRATION_DATA,
} from './calibrator.js';
import type { MixtureState } from './detectors/mixture.js';
import { newGroupedMean, observeGroup } from './grouped-mean.js';
import { type ToleratedRate, toleratedRate } from './rate-monitor.js';

/**
 * Accuracy without labels (confidence-based estimation, as NannyML's CBPE): if a version is calibrated, the mean of its
 * calibrated confidences is the share of answers that it gets right. The labels that do arrive, late and for some, make
 * the calibrator of this very version; from then on every window says at once what the labels will say later.
 *
 * It sees what changes the inputs, not what changes the relation of inputs and labels: when the world changes its mind
 * about the same inputs (concept drift), confidences stay as they are, and only labels tell.
 */

/** Labelled answers above which the map is not refitted any more. */
const MOST_CALIBRATION_ROWS = 20_000;
/** Answers that the recent estimate is over, at least; more when a window holds more. */
const RECENT_ANSWERS = 2_000;
/** One-sided 95 %, for what the calibration itself may be wrong by. */
const Z_CALIBRATION = 1.644_853_626_951_472;
const LARGEST_ERROR = 0.95;
/** Windows that the recent estimate is over, at most. */
const RECENT_WINDOWS = 60;

/** Plain data: survives JSON bit for bit. */
export interface EstimatedAccuracyState {
  readonly data: CalibrationData;
  /** null until enough labelled answers are there. */
  readonly calibrator: Calibrator | null;
  /** Labelled rows at which it is fitted again: twice what it was fitted to. */
  readonly refitAt: number;
  readonly limit: ToleratedRate | null;
  readonly detector: MixtureState | null;
  /** Confidence histograms of the newest windows, oldest first. */
  readonly recent: readonly { readonly at: number; readonly counts: readonly number[] }[];
  /** Answers of windows that said nothing about their confidence. */
  readonly silent: number;
}

export const NEW_ESTIMATED_ACCURACY: EstimatedAccuracyState = {
  data: NO_CALIBRATION_DATA,
  calibrator: null,
  refitAt: 0,
  limit: null,
  detector: null,
  recent: [],
  silent: 0,
};

type Policy = Pick<MonitorPolicy, 'falseAlarmEvery' | 'minimumSamples' | 'accuracyTolerance'>;

/**
 * Adds labelled answers of this version. The map is fitted when there are `minimumSamples` of them and again at each
 * doubling; the detector goes on, because each of its factors only needs the map that was known before its window.
 *
 * @param evaluated error rate of the promoted version; null = nobody measured it, and the first labelled answers tell
 */
export function learnCalibration(
  state: EstimatedAccuracyState,
  answers: readonly { readonly confidence: number; readonly right: boolean }[],
  evaluated: { readonly rate: number; readonly samples: number } | null,
  policy: Policy,
): EstimatedAccuracyState {
  let next = state;
  let rest = answers;
  // Cut at each refit, so that the state does not depend on how the answers were batched.
  while (rest.length > 0) {
    const known = labelledRows(next.data);
    if (known >= MOST_CALIBRATION_ROWS) break;
    const refitAt = next.refitAt === 0 ? policy.minimumSamples : next.refitAt;
    const taken = rest.slice(0, Math.max(1, refitAt - known));
    rest = rest.slice(taken.length);
    const data = addLabelled(next.data, taken);
    next = labelledRows(data) < refitAt ? { ...next, data } : refit({ ...next, data }, evaluated, policy);
  }
  return next;
}

function refit(
  state: EstimatedAccuracyState,
  evaluated: { readonly rate: number; readonly samples: number } | null,
  policy: Policy,
): EstimatedAccuracyState {
  const calibrator = fitCalibrator(state.data);
  const limit = state.limit ?? limitOf(state.data, evaluated, policy);
  return {
    ...state,
    calibrator,
    limit,
    refitAt: labelledRows(state.data) * 2,
    detector: state.detector ?? newGroupedMean(policy.falseAlarmEvery),
  };
}

function limitOf(
  data: CalibrationData,
  evaluated: { readonly rate: number; readonly samples: number } | null,
  { accuracyTolerance }: Policy,
): ToleratedRate {
  if (evaluated !== null && evaluated.samples > 0)
    return toleratedRate(evaluated.rate * evaluated.samples, evaluated.samples, accuracyTolerance, 'evaluation');
  const rows = labelledRows(data);
  const right = data.reduce((sum, part) => sum + part.right.reduce((a, b) => a + b, 0), 0);
  return toleratedRate(rows - right, rows, accuracyTolerance, 'first-answers');
}

/** Adds the confidence histogram of one window. */
export function observeConfidence(
  state: EstimatedAccuracyState,
  window: { readonly confidence: readonly number[]; readonly answered: number; readonly at: number },
): EstimatedAccuracyState {
  const answers = sum(window.confidence);
  const silent = state.silent + Math.max(0, window.answered - answers);
  if (answers === 0) return { ...state, silent };
  const recent = newest([...state.recent, { at: window.at, counts: window.confidence }]);
  const { calibrator, detector } = state;
  if (calibrator === null || detector === null) return { ...state, recent, silent };
  const group = { values: calibrator.expected.map((share) => 1 - share), counts: window.confidence, at: window.at };
  return { ...state, recent, silent, detector: observeGroup(detector, group, allowedError(state)) };
}

/**
 * The error that is no change: what is tolerated, and what the calibration itself may be wrong by (one-sided 95 %) where
 * the confidences of the windows seen so far lie. It never rests on the window that is judged by it.
 */
export function allowedError(state: EstimatedAccuracyState): number {
  const { calibrator, limit } = state;
  if (calibrator === null || limit === null) return LARGEST_ERROR;
  const seen = recentCounts(state);
  const counts = sum(seen) === 0 ? calibrator.support : seen;
  return Math.min(LARGEST_ERROR, limit.rate + Z_CALIBRATION * Math.sqrt(calibrationVariance(calibrator, counts)));
}

/** What the newest windows say. */
export interface AccuracyEstimate {
  readonly value: number;
  /** Standard error of the share of right answers around it: sampling and calibration together. */
  readonly standardError: number;
  readonly samples: number;
  /** Share of these answers in bins without any labelled answer: there the map only guesses. */
  readonly unseen: number;
}

/** The expected accuracy of the newest answers; null before there is a map or an answer. */
export function estimateAccuracy(state: EstimatedAccuracyState): AccuracyEstimate | null {
  const { calibrator } = state;
  const counts = recentCounts(state);
  const samples = sum(counts);
  if (calibrator === null || samples === 0) return null;
  const value = counts.reduce((total, count, bin) => total + count * calibrator.expected[bin]!, 0) / samples;
  // Each answer is right with its own probability: the variance of a Poisson binomial variable.
  const sampling =
    counts.reduce(
      (total, count, bin) => total + count * calibrator.expected[bin]! * (1 - calibrator.expected[bin]!),
      0,
    ) /
    samples ** 2;
  const unseen = counts.reduce((total, count, bin) => total + (calibrator.support[bin] === 0 ? count : 0), 0) / samples;
  return { value, standardError: Math.sqrt(sampling + calibrationVariance(calibrator, counts)), samples, unseen };
}

/** Variance of the mean that comes from the map: bins that share a value share its error. */
function calibrationVariance({ expected, support }: Calibrator, counts: readonly number[]): number {
  const samples = sum(counts);
  const weights = new Map<string, { weight: number; share: number; rows: number }>();
  counts.forEach((count, bin) => {
    const rows = support[bin]!;
    if (count === 0 || rows === 0) return;
    const key = `${expected[bin]} ${rows}`;
    const known = weights.get(key)?.weight ?? 0;
    weights.set(key, { weight: known + count / samples, share: expected[bin]!, rows });
  });
  // With one row right or wrong more, so that a bin that was never wrong is not taken as certain.
  return [...weights.values()].reduce((total, { weight, share, rows }) => {
    const careful = (share * rows + 0.5) / (rows + 1);
    return total + (weight ** 2 * careful * (1 - careful)) / rows;
  }, 0);
}

function recentCounts({ recent }: EstimatedAccuracyState): number[] {
  return Array.from({ length: CONFIDENCE_BINS }, (_, bin) =>
    recent.reduce((total, window) => total + (window.counts[bin] ?? 0), 0),
  );
}

function newest(windows: EstimatedAccuracyState['recent']): EstimatedAccuracyState['recent'] {
  let answers = 0;
  let from = windows.length;
  while (from > 0 && answers < RECENT_ANSWERS) {
    from -= 1;
    answers += sum(windows[from]!.counts);
  }
  return windows.slice(Math.max(from, windows.length - RECENT_WINDOWS));
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
