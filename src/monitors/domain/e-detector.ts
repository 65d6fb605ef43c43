import type { Detector } from './detectors/detector.js';
import { type MixtureState, mixtureScore, newMixture, normalised, observeMixture } from './detectors/mixture.js';

export { changePoint } from './detectors/mixture.js';

/**
 * Mixture Shiryaev–Roberts e-detector on a 0/1 stream (`detectors/mixture.ts`). For each alternative p1 > p0 the factor is
 * the likelihood ratio: L(1) = p1/p0 and L(0) = (1 − p1)/(1 − p0). Its conditional mean is at most 1 while the conditional
 * rate of ones stays at or below p0, therefore P(alarm by observation n) ≤ n/A, and on average at least A observations
 * pass before a false alarm.
 */

/**
 * Alternatives as multiples of p0's odds, so that they stay rates for every p0. At p0 = 5 % the first eight are
 * 5.5, 6, 7, 8.5, 10, 13, 20 and 30 %; the last two serve tiny p0, as a faithful model's disagreement has.
 */
const ODDS_RATIOS = [1.1058, 1.2128, 1.4301, 1.765, 2.1111, 2.8391, 4.75, 8.1429, 16, 32] as const;
/** The last two get little weight: where p0 is not tiny they only cost. */
const WEIGHTS = normalised([1, 1, 1, 1, 1, 1, 1, 1, 0.25, 0.25]);

/** One observation: was it bad, and when did it happen (milliseconds since 1970). */
export interface BinaryObservation {
  readonly bad: boolean;
  readonly at: number;
}

/** Plain data: survives JSON bit for bit, so that a restart goes on where it was. */
export interface EDetector extends MixtureState {
  /** p0: the largest rate that is no change. */
  readonly nullRate: number;
}

/** A detector that has seen nothing. @throws RangeError when p0 is not within (0, 1) or A is below 1 */
export function newEDetector(nullRate: number, threshold: number): EDetector {
  if (!(nullRate > 0 && nullRate < 1)) throw new RangeError(`p0 must lie within (0, 1), not ${nullRate}`);
  return { nullRate, ...newMixture(ODDS_RATIOS.length, threshold) };
}

/** Weighted mean of the Shiryaev–Roberts statistics; compare it with the threshold. */
export function score(detector: EDetector): number {
  return mixtureScore(detector, WEIGHTS);
}

/** The detector after a batch. Equal to feeding its parts one after the other. */
export function observe(detector: EDetector, batch: readonly BinaryObservation[]): EDetector {
  const { nullRate } = detector;
  const odds = nullRate / (1 - nullRate);
  const rates = ODDS_RATIOS.map((ratio) => (odds * ratio) / (1 + odds * ratio));
  const bad = factors(rates.map((p1) => p1 / nullRate));
  const good = factors(rates.map((p1) => (1 - p1) / (1 - nullRate)));
  return { nullRate, ...observeMixture(detector, WEIGHTS, batch, (one) => (one.bad ? bad : good)) };
}

/** The detector behind the common interface. */
export function binaryDetector(nullRate: number, threshold: number): Detector<EDetector, BinaryObservation> {
  return {
    name: 'mixture Shiryaev–Roberts e-detector',
    threshold,
    start: () => newEDetector(nullRate, threshold),
    observe: (state, observation) => observe(state, [observation]),
    observeAll: observe,
    alarmed: (state) => state.alarm !== null,
    score,
  };
}

function factors(ratios: readonly number[]) {
  const ratio = Float64Array.from(ratios);
  return { ratio, log: ratio.map(Math.log) };
}
