import { logGamma } from './log-beta.js';

const { log } = Math;

/** How strongly the mixture believes in small deviations; decides which ones are found soonest, never the error rate. */
const CONCENTRATION = 200;
/** The usual level of a check that is made all the time and stops an experiment. */
export const MISMATCH_ALPHA = 0.001;

/**
 * ln of the e-value that units were not assigned to arms by these shares, from the counts alone and valid at every moment:
 * the Bayes factor of a Dirichlet mixture, centred on the shares, over the multinomial with exactly these shares. P(it ever
 * reaches ln(1/α)) ≤ α when each new unit falls into arm k with probability shares[k], whatever came before.
 * Source: M. Lindon, A. Malek, "Anytime-valid inference for multinomial count data", NeurIPS 2022, section 2.
 * A unit must count once (a sticky key, not each of its requests): repeated units would be no new draws.
 * @param counts units seen in each arm @param shares what was planned, above 0, summing to 1
 */
export function logMismatch(counts: readonly number[], shares: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const terms = counts.map((count, arm) => {
    const share = shares[arm] ?? 0;
    const prior = CONCENTRATION * share;
    return logGamma(prior + count) - logGamma(prior) - (count === 0 ? 0 : count * log(share));
  });
  return logGamma(CONCENTRATION) - logGamma(CONCENTRATION + total) + terms.reduce((sum, term) => sum + term, 0);
}
