/**
 * Mixture Shiryaev–Roberts e-detector on a 0/1 stream.
 *
 * Source: Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (2022–2024).
 * For each alternative p1 > p0: S ← (1 + S)·L(x) with L(1) = p1/p0 and L(0) = (1 − p1)/(1 − p0); the score is the
 * weighted mean of the S. While the rate of ones stays at or below p0, E[score after n] ≤ n, therefore
 * P(alarm by observation n) ≤ n/A for the threshold A, and on average at least A observations pass before a false alarm.
 *
 * The change point is the maximum-likelihood one over the same grid: beside each S runs Page's
 * W ← max(0, W + ln L(x)); the last time that the largest W was 0 is where the change is estimated to have begun.
 */

/**
 * Alternatives as multiples of p0's odds, so that they stay rates for every p0. At p0 = 5 % the first eight are
 * 5.5, 6, 7, 8.5, 10, 13, 20 and 30 %; the last two serve tiny p0, as a faithful model's disagreement has.
 */
const ODDS_RATIOS = [1.1058, 1.2128, 1.4301, 1.765, 2.1111, 2.8391, 4.75, 8.1429, 16, 32] as const;
/** The last two get little weight: where p0 is not tiny they only cost. */
const RAW_WEIGHTS = [1, 1, 1, 1, 1, 1, 1, 1, 0.25, 0.25] as const;
const WEIGHT_SUM = RAW_WEIGHTS.reduce<number>((sum, weight) => sum + weight, 0);
const WEIGHTS = Float64Array.from(RAW_WEIGHTS, (weight) => weight / WEIGHT_SUM);
const COMPONENTS = ODDS_RATIOS.length;

/** One observation: was it bad, and when did it happen (milliseconds since 1970). */
export interface BinaryObservation {
  readonly bad: boolean;
  readonly at: number;
}

/** Plain data: survives JSON bit for bit, so that a restart goes on where it was. */
export interface EDetector {
  /** p0: the largest rate that is no change. */
  readonly nullRate: number;
  /** A. */
  readonly threshold: number;
  readonly observations: number;
  /** Shiryaev–Roberts statistic of each alternative. */
  readonly s: readonly number[];
  /** Page's statistic of each alternative. */
  readonly w: readonly number[];
  /** Observations before the estimated change, for each alternative. */
  readonly changeIndex: readonly number[];
  /** Time of the first observation after it. */
  readonly changeAt: readonly number[];
  /** Set from the observation that raised the alarm until the stream has recovered. */
  readonly alarm: {
    readonly observation: number;
    readonly at: number;
    /** Page's statistic of the return to p0. */
    readonly recovery: number;
  } | null;
}

/** A detector that has seen nothing. @throws RangeError when p0 is not within (0, 1) or A is below 1 */
export function newEDetector(nullRate: number, threshold: number): EDetector {
  if (!(nullRate > 0 && nullRate < 1)) throw new RangeError(`p0 must lie within (0, 1), not ${nullRate}`);
  if (!(threshold >= 1)) throw new RangeError(`the threshold must be at least 1, not ${threshold}`);
  const zeros = ODDS_RATIOS.map(() => 0);
  return { nullRate, threshold, observations: 0, s: zeros, w: zeros, changeIndex: zeros, changeAt: zeros, alarm: null };
}

/** Weighted mean of the Shiryaev–Roberts statistics; compare it with the threshold. */
export function score(detector: EDetector): number {
  return detector.s.reduce((sum, value, i) => sum + value * (WEIGHTS[i] ?? 0), 0);
}

/**
 * Where the stream is estimated to have changed, by the alternative that explains it best; meaningful while it alarms.
 */
export function changePoint(detector: EDetector): { readonly index: number; readonly at: number } {
  const best = largest(detector.w);
  return { index: detector.changeIndex[best] ?? 0, at: detector.changeAt[best] ?? 0 };
}

/**
 * The detector after a batch. Equal to feeding its parts one after the other.
 *
 * Each S is capped far above the threshold, which cannot raise a false alarm. An alarm ends when Page's test of "back at
 * p0" against "still at the alternative that explains the alarm best" reaches ln A; all statistics then start again from
 * 0, so that the promise holds anew from there.
 */
export function observe(detector: EDetector, batch: readonly BinaryObservation[]): EDetector {
  const { nullRate, threshold } = detector;
  const ratios = likelihoodRatios(nullRate);
  const cap = threshold * 1e6;
  const s = Float64Array.from(detector.s);
  const w = Float64Array.from(detector.w);
  const changeIndex = Float64Array.from(detector.changeIndex);
  const changeAt = Float64Array.from(detector.changeAt);
  let { observations, alarm } = detector;
  for (const { bad, at } of batch) {
    const ratio = bad ? ratios.bad : ratios.good;
    const log = bad ? ratios.logBad : ratios.logGood;
    let sum = 0;
    for (let i = 0; i < COMPONENTS; i += 1) {
      if (w[i] === 0) {
        changeIndex[i] = observations;
        changeAt[i] = at;
      }
      const raised = (1 + s[i]!) * ratio[i]!;
      const next = raised < cap ? raised : cap;
      s[i] = next;
      sum += next * WEIGHTS[i]!;
      const explained = w[i]! + log[i]!;
      w[i] = explained > 0 ? explained : 0;
    }
    observations += 1;
    if (alarm === null) {
      if (sum >= threshold) alarm = { observation: observations, at, recovery: 0 };
    } else {
      const recovery = Math.max(0, alarm.recovery - log[largest(w)]!);
      alarm = recovery >= Math.log(threshold) ? null : { ...alarm, recovery };
      if (alarm === null) {
        s.fill(0);
        w.fill(0);
      }
    }
  }
  return {
    nullRate,
    threshold,
    observations,
    s: [...s],
    w: [...w],
    changeIndex: [...changeIndex],
    changeAt: [...changeAt],
    alarm,
  };
}

interface LikelihoodRatios {
  readonly bad: Float64Array;
  readonly good: Float64Array;
  readonly logBad: Float64Array;
  readonly logGood: Float64Array;
}

function likelihoodRatios(nullRate: number): LikelihoodRatios {
  const odds = nullRate / (1 - nullRate);
  const rates = ODDS_RATIOS.map((ratio) => (odds * ratio) / (1 + odds * ratio));
  const bad = Float64Array.from(rates, (p1) => p1 / nullRate);
  const good = Float64Array.from(rates, (p1) => (1 - p1) / (1 - nullRate));
  return { bad, good, logBad: bad.map(Math.log), logGood: good.map(Math.log) };
}

function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}
