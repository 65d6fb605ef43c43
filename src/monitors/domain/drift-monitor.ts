import type { MonitorPolicy } from '../../models/index.js';
import { divergences, type Distances, kolmogorovSmirnov, wasserstein } from './detectors/distances.js';
import { lnSum, shiftDesign, type ShiftDesign } from './detectors/shift-design.js';
import { estimatedRise, NEW_SHIFT, observeShift, shiftEvidence, type ShiftState } from './detectors/shift-detector.js';
import { addTallies, type Counts, EMPTY_TALLY, inBinsOf, isOrdered, type Tally } from './histograms.js';

/** Looks in a row at which everything that alarmed is back within the floor end an alarm. */
const CALM_LOOKS = 2;
/** Scores are kept up to e^700, which JSON still holds. */
const LARGEST_LN = 700;

/** What a baseline makes of the features: bins, directions, bets. Derived from it alone; make it once a pass. */
export interface DriftDesign {
  readonly baseline: Tally;
  readonly features: Readonly<Record<string, ShiftDesign>>;
  /** The floor, see `designDrift`. */
  readonly leastShift: number;
}

/** Evidence of a shift of one feature: its e-value like score and the direction most of it comes from. */
export interface Shift {
  readonly score: number;
  readonly direction: string | null;
}

/** How the newest block of answers looks beside the baseline. */
export interface DriftLook {
  /** Milliseconds since 1970 of the newest window in the block. */
  readonly at: number;
  readonly requests: number;
  readonly features: Readonly<Record<string, Distances>>;
}

/** Plain data: survives JSON bit for bit. */
export interface DriftMonitorState {
  /** Answers since the last look. */
  readonly pending: Tally;
  readonly answers: number;
  readonly looks: number;
  readonly last: DriftLook | null;
  readonly shifts: Readonly<Record<string, ShiftState>>;
  /** Evidence after the newest window, by feature. */
  readonly evidence: Readonly<Record<string, Shift>>;
  /** Mean of the features' scores; at A it alarms. */
  readonly score: number;
  /** Features that have shifted, largest score first, and how; null when calm. */
  readonly alarm: readonly { readonly feature: string; readonly direction: string }[] | null;
  readonly calmLooks: number;
}

export const NEW_DRIFT_MONITOR: DriftMonitorState = {
  pending: EMPTY_TALLY,
  answers: 0,
  looks: 0,
  last: null,
  shifts: {},
  evidence: {},
  score: 0,
  alarm: null,
  calmLooks: 0,
};

/**
 * @param leastShift the floor of practical significance: shifts of a feature's mean rank (0..1) below it are not worth an
 *   alarm, nor is half of it for the share of one bin or class. A mean that moves by s standard deviations moves the mean
 *   rank by about 0.28·s.
 */
export function designDrift(baseline: Tally, leastShift: number): DriftDesign {
  const entries = Object.entries(baseline.features);
  const options = { leastShift, features: Math.max(1, entries.length) };
  const features = entries.map(([name, counts]) => {
    const own = inBinsOf(counts, counts) ?? counts.counts;
    return [name, shiftDesign(own, isOrdered(counts), options)] as const;
  });
  return { baseline, features: Object.fromEntries(features), leastShift };
}

/**
 * Adds one window's tally. Every feature has a sequential test (`detectors/shift-detector.ts`), fed window by window; the
 * joint score is the mean of theirs and alarms at A: P(false alarm within n answers) ≤ n/A + 0.0001, over all features
 * together, whatever their dependence and the baseline's size, however often one looks.
 *
 * Which features have shifted says the e-BH procedure on their scores (Wang, Ramdas, JRSS-B 2022) at the same level: the
 * k largest, for the largest k whose k-th is at least F·A/k; at least the largest one. Every `minimumSamples` answers a
 * look measures the distances of that block; two looks in a row at which all that alarmed is back within the floor end an
 * alarm, and the tests start again.
 */
export function observeDrift(
  before: DriftMonitorState,
  design: DriftDesign,
  window: Tally,
  at: number,
  policy: Pick<MonitorPolicy, 'falseAlarmEvery' | 'minimumSamples'>,
): DriftMonitorState {
  const pending = addTallies(before.pending, window);
  const fed = feed(before, design, window, policy);
  const alarm = fed.score >= policy.falseAlarmEvery ? named(fed.evidence, policy.falseAlarmEvery) : before.alarm;
  if (pending.requests < policy.minimumSamples) return { ...before, ...fed, pending, alarm };
  const last = look(design.baseline, pending, at);
  const calm = alarm !== null && alarm.every((one) => isBack(one, design, pending));
  const calmLooks = calm ? before.calmLooks + 1 : 0;
  const looked = { ...fed, pending: EMPTY_TALLY, looks: before.looks + 1, last };
  if (calmLooks < CALM_LOOKS) return { ...looked, alarm, calmLooks };
  return { ...looked, alarm: null, calmLooks: 0, shifts: {}, evidence: {}, score: 0 };
}

function feed(
  state: DriftMonitorState,
  design: DriftDesign,
  window: Tally,
  policy: Pick<MonitorPolicy, 'minimumSamples'>,
): Pick<DriftMonitorState, 'answers' | 'shifts' | 'evidence' | 'score'> {
  const shifts: Record<string, ShiftState> = {};
  const evidence: Record<string, Shift> = {};
  const scores: number[] = [];
  const tests = Object.entries(design.features);
  for (const [name, test] of tests) {
    const counts = countsOf(design.baseline, window, name);
    const shift = observeShift(state.shifts[name] ?? NEW_SHIFT, counts ?? [], policy.minimumSamples);
    const { lnScore, direction } = shiftEvidence(test, shift);
    shifts[name] = shift;
    evidence[name] = { score: Math.exp(Math.min(LARGEST_LN, lnScore)), direction };
    scores.push(lnScore);
  }
  const lnScore = lnSum(scores) - Math.log(Math.max(1, tests.length));
  const score = Math.exp(Math.min(LARGEST_LN, lnScore));
  return { answers: state.answers + window.requests, shifts, evidence, score };
}

/** e-BH: never empty. */
function named(evidence: Readonly<Record<string, Shift>>, threshold: number): NonNullable<DriftMonitorState['alarm']> {
  const sorted = Object.entries(evidence).sort(([, a], [, b]) => b.score - a.score);
  let count = 1;
  sorted.forEach(([, { score }], i) => {
    if (score >= (sorted.length * threshold) / (i + 1)) count = i + 1;
  });
  return sorted.slice(0, count).map(([feature, { direction }]) => ({ feature, direction: direction ?? '' }));
}

function isBack(
  { feature, direction }: { readonly feature: string; readonly direction: string },
  design: DriftDesign,
  block: Tally,
): boolean {
  const counts = countsOf(design.baseline, block, feature);
  const test = design.features[feature]?.directions.find(({ name }) => name === direction);
  return counts === null || test === undefined || estimatedRise(test, counts) < test.least;
}

function look(baseline: Tally, recent: Tally, at: number): DriftLook {
  const features: Record<string, Distances> = {};
  for (const [name, base] of Object.entries(baseline.features)) {
    const counts = countsOf(baseline, recent, name);
    if (counts === null) continue;
    const [a, b] = [baseline.moments?.[name], recent.moments?.[name]];
    const spread = a === undefined || b === undefined ? undefined : { baseline: a, recent: b };
    features[name] = distances(base, counts, spread);
  }
  return { at, requests: recent.requests, features };
}

/** All distances of one block of counts, in the baseline's bins. */
function distances(base: Counts, counts: readonly number[], spread: Parameters<typeof wasserstein>[3]): Distances {
  const own = inBinsOf(base, base) ?? base.counts;
  const common = divergences(own, counts);
  if (!isOrdered(base))
    return { ...common, kolmogorovSmirnov: null, ksPValue: null, wasserstein: null, wassersteinStd: null };
  const ks = kolmogorovSmirnov(own, counts);
  const edges = base.bins.filter((edge) => typeof edge === 'number');
  const { distance, standardised } = wasserstein(edges, own, counts, spread);
  return {
    ...common,
    kolmogorovSmirnov: ks.distance,
    ksPValue: ks.pValue,
    wasserstein: distance,
    wassersteinStd: standardised,
  };
}

function countsOf(baseline: Tally, tally: Tally, feature: string): readonly number[] | null {
  const base = baseline.features[feature];
  const counts = tally.features[feature];
  return base === undefined || counts === undefined ? null : inBinsOf(base, counts);
}
