/**
 * What the mixture Shiryaev–Roberts e-detectors share (Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for
 * sequential change detection", 2022–2024), whatever they observe.
 *
 * Given factors L_i(x) ≥ 0 whose conditional mean is at most 1 while nothing has changed: S_i ← (1 + S_i)·L_i(x), and the
 * score is the weighted mean of the S_i. Then score − n is a supermartingale, so P(score reaches A by observation n) ≤ n/A
 * and, as the S start again from 0 after an alarm, the expected number of false alarms within n observations is at most
 * n/A as well. Independence is not needed.
 *
 * The change point is the maximum-likelihood one over the same components: beside each S runs Page's
 * W ← max(0, W + ln L); the last time that the largest W was 0 is where the change is estimated to have begun.
 */

/** Plain data: survives JSON bit for bit. */
export interface MixtureState {
  /** A. */
  readonly threshold: number;
  readonly observations: number;
  /** Shiryaev–Roberts statistic of each component. */
  readonly s: readonly number[];
  /** Page's statistic of each component. */
  readonly w: readonly number[];
  /** Observations before the estimated change, for each component. */
  readonly changeIndex: readonly number[];
  /** Time of the first observation after it, milliseconds since 1970. */
  readonly changeAt: readonly number[];
  /** Set from the observation that raised the alarm until the stream has recovered. */
  readonly alarm: {
    readonly observation: number;
    readonly at: number;
    /** Page's statistic of the return to what is no change. */
    readonly recovery: number;
  } | null;
}

/** Likelihood ratios (or bets) of all components on one observation, and their logarithms. */
export interface Factors {
  readonly ratio: Float64Array;
  readonly log: Float64Array;
}

/** Each S is capped so far above the threshold, which cannot raise a false alarm. */
const CAP = 1e6;

/** A mixture that has seen nothing. @throws RangeError when A is below 1 */
export function newMixture(components: number, threshold: number): MixtureState {
  if (!(threshold >= 1)) throw new RangeError(`the threshold must be at least 1, not ${threshold}`);
  const zeros = Array.from({ length: components }, () => 0);
  return { threshold, observations: 0, s: zeros, w: zeros, changeIndex: zeros, changeAt: zeros, alarm: null };
}

/** Weights as shares of their sum. */
export function normalised(raw: readonly number[]): Float64Array {
  const sum = raw.reduce((total, weight) => total + weight, 0);
  return Float64Array.from(raw, (weight) => weight / sum);
}

/** Weighted mean of the Shiryaev–Roberts statistics; compare it with the threshold. */
export function mixtureScore(state: MixtureState, weights: Float64Array): number {
  return state.s.reduce((sum, value, i) => sum + value * (weights[i] ?? 0), 0);
}

/** Where the stream is estimated to have changed, by the component that explains it best; meaningful while it alarms. */
export function changePoint(state: MixtureState): { readonly index: number; readonly at: number } {
  const best = largest(state.w);
  return { index: state.changeIndex[best] ?? 0, at: state.changeAt[best] ?? 0 };
}

/**
 * The state after a batch. Equal to feeding its parts one after the other. `factorsOf` may hand out the same arrays again.
 *
 * An alarm ends when Page's test of "back to no change" against "still at the component that explains the alarm best"
 * reaches ln A; all statistics then start again from 0, so that the promise holds anew from there.
 */
export function observeMixture<Observation extends { readonly at: number }>(
  state: MixtureState,
  weights: Float64Array,
  batch: readonly Observation[],
  factorsOf: (observation: Observation) => Factors,
): MixtureState {
  const { threshold } = state;
  const running: Running = {
    s: Float64Array.from(state.s),
    w: Float64Array.from(state.w),
    changeIndex: Float64Array.from(state.changeIndex),
    changeAt: Float64Array.from(state.changeAt),
    cap: threshold * CAP,
  };
  let { observations, alarm } = state;
  for (const observation of batch) {
    const factors = factorsOf(observation);
    const score = step(running, weights, factors, observations, observation.at);
    observations += 1;
    if (alarm === null) {
      if (score >= threshold) alarm = { observation: observations, at: observation.at, recovery: 0 };
    } else {
      const recovery: number = Math.max(0, alarm.recovery - factors.log[largest(running.w)]!);
      alarm = recovery >= Math.log(threshold) ? null : { ...alarm, recovery };
      if (alarm === null) {
        running.s.fill(0);
        running.w.fill(0);
      }
    }
  }
  return {
    threshold,
    observations,
    s: [...running.s],
    w: [...running.w],
    changeIndex: [...running.changeIndex],
    changeAt: [...running.changeAt],
    alarm,
  };
}

interface Running {
  readonly s: Float64Array;
  readonly w: Float64Array;
  readonly changeIndex: Float64Array;
  readonly changeAt: Float64Array;
  readonly cap: number;
}

/** One observation in place; returns the score. */
function step(
  { s, w, changeIndex, changeAt, cap }: Running,
  weights: Float64Array,
  by: Factors,
  n: number,
  at: number,
) {
  const { ratio, log } = by;
  let score = 0;
  for (let i = 0; i < s.length; i += 1) {
    if (w[i] === 0) {
      changeIndex[i] = n;
      changeAt[i] = at;
    }
    const raised = (1 + s[i]!) * ratio[i]!;
    const next = raised < cap ? raised : cap;
    s[i] = next;
    score += next * weights[i]!;
    const explained = w[i]! + log[i]!;
    w[i] = explained > 0 ? explained : 0;
  }
  return score;
}

function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}
