import type { Detector } from './detector.js';
import { type Factors, type MixtureState, mixtureScore, newMixture, normalised, observeMixture } from './mixture.js';

/**
 * Mixture Shiryaev–Roberts e-detector of a rise of the mean of values in [0, 1], for errors and distances that are scaled
 * into that range. Nothing else is assumed of their distribution.
 *
 * Factors are bets (Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024):
 * L(x) = 1 + f·(x/m0 − 1) with 0 < f < 1 is never negative, and its conditional mean is at most 1 exactly while the
 * conditional mean of x is at most m0. On 0/1 values a bet of f is the likelihood ratio of p1 = p0 + f·(1 − p0), so this is
 * the detector of `e-detector.ts` with another grid; small f serve rare ones, large f values that hardly vary.
 *
 * The sum S gets the mean of 1 + S at each observation, hence P(alarm by observation n) ≤ n/A (see `mixture.ts`). For a
 * fall of the mean feed 1 − x.
 */
const BETS = [0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.6, 0.9] as const;
/** The smallest bets only serve rare ones; elsewhere they cost. */
const WEIGHTS = normalised([0.5, 0.5, 1, 1, 1, 1, 1, 1, 1, 1]);

/** One value in [0, 1] and when it was observed (milliseconds since 1970). */
export interface BoundedObservation {
  /** Values outside are taken as the nearer end: the promise is then about the mean of the clipped value. */
  readonly value: number;
  readonly at: number;
}

/** Plain data: survives JSON bit for bit, so that a restart goes on where it was. `changePoint` reads it. */
export interface BoundedMeanState extends MixtureState {
  /** m0: the largest mean that is no change. */
  readonly nullMean: number;
}

/** A detector that has seen nothing. @throws RangeError when m0 is not within (0, 1) or A is below 1 */
export function newBoundedMean(nullMean: number, threshold: number): BoundedMeanState {
  if (!(nullMean > 0 && nullMean < 1)) throw new RangeError(`m0 must lie within (0, 1), not ${nullMean}`);
  return { nullMean, ...newMixture(BETS.length, threshold) };
}

/** The detector after a batch. Equal to feeding its parts one after the other. @throws RangeError on a value that is no number */
export function observeBoundedMean(state: BoundedMeanState, batch: readonly BoundedObservation[]): BoundedMeanState {
  const { nullMean } = state;
  const factors: Factors = { ratio: new Float64Array(BETS.length), log: new Float64Array(BETS.length) };
  const next = observeMixture(state, WEIGHTS, batch, ({ value }) => {
    if (Number.isNaN(value)) throw new RangeError('a value that is no number has no place in [0, 1]');
    const gain = Math.min(1, Math.max(0, value)) / nullMean - 1;
    for (let i = 0; i < BETS.length; i += 1) {
      const ratio = 1 + BETS[i]! * gain;
      factors.ratio[i] = ratio;
      factors.log[i] = Math.log(ratio);
    }
    return factors;
  });
  return { nullMean, ...next };
}

/** Weighted mean of the Shiryaev–Roberts statistics; compare it with the threshold. */
export function boundedMeanScore(state: BoundedMeanState): number {
  return mixtureScore(state, WEIGHTS);
}

/** The detector behind the common interface. */
export function boundedMeanDetector(
  nullMean: number,
  threshold: number,
): Detector<BoundedMeanState, BoundedObservation> {
  return {
    name: 'bounded-mean e-detector',
    threshold,
    start: () => newBoundedMean(nullMean, threshold),
    observe: (state, observation) => observeBoundedMean(state, [observation]),
    observeAll: observeBoundedMean,
    alarmed: (state) => state.alarm !== null,
    score: boundedMeanScore,
  };
}
