/**
 * Evidence about the share of events (errors, disagreements, slow answers) in a stream, that may be looked at as often as
 * anyone likes.
 *
 * For a claimed share p0 and an alternative whose odds are c times those of p0, the likelihood ratio of k events in n is
 * cᵏ / (1 + p0·(c − 1))ⁿ. Under p0 it is a martingale that begins with 1, and so is a weighted mean of several; under every
 * share on the other side of the alternative (p ≤ p0 for c > 1, p ≥ p0 for c < 1) it is a supermartingale, because each
 * event's expected factor only falls. Hence P(it is ever at least 1/α) ≤ α: J. Ville 1939; mixtures of likelihood ratios:
 * A. Wald 1945, H. Robbins 1970; as e-processes: A. Ramdas, P. Grünwald, V. Vovk, G. Shafer, "Game-theoretic statistics and
 * safe anytime-valid inference", Statistical Science 2023. It depends on k and n alone, so nothing is kept between looks.
 *
 * Assumes: given the past, the next answer is an event with a probability on the stated side of p0. Answers may depend on
 * each other as long as that holds; a burst of errors that the version did not cause does not fulfil it.
 */

/** Odds of the alternatives in multiples of the claimed odds: from a small excess to "nothing but events". */
const EXCESS: readonly Alternative[] = weighted([1.3, 1.6, 2, 2.5, 3.2, 4, 5, 7, 10, 16, 32, 100, 1_000, 100_000]);
/** Most weight of what lies below, because "no event at all" is what a healthy version shows. */
const NONE: Alternative = { odds: 0, weight: 0.5 };
const SHORTFALL: readonly Alternative[] = [NONE, ...weighted([0.1, 0.25, 0.4, 0.55, 0.7, 0.82], 1 - NONE.weight)];

interface Alternative {
  readonly odds: number;
  readonly weight: number;
}

/** ln of the evidence that the share is above `claimed`, after `events` in `total`. 0 when nothing was seen. */
export function logExcess(events: number, total: number, claimed: number): number {
  if (claimed >= 1) return Number.NEGATIVE_INFINITY;
  if (claimed <= 0) return events > 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return logMixture(EXCESS, events, total, claimed);
}

/** ln of the evidence that the share is below `claimed`. */
export function logShortfall(events: number, total: number, claimed: number): number {
  if (claimed <= 0) return Number.NEGATIVE_INFINITY;
  if (claimed >= 1) return events < total ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  return logMixture(SHORTFALL, events, total, claimed);
}

/**
 * The smallest share that `total` answers without any event refute at level `alpha`: (α·w)^(1/total) is what 1 − p falls to,
 * with w the weight on "no event at all". 1 while nothing was seen.
 */
export function cleanShare(total: number, alpha: number): number {
  return total <= 0 ? 1 : 1 - (alpha * NONE.weight) ** (1 / total);
}

function logMixture(alternatives: readonly Alternative[], events: number, total: number, claimed: number): number {
  const terms = alternatives.map(({ odds, weight }) => {
    if (odds === 0 && events > 0) return Number.NEGATIVE_INFINITY;
    const gained = events === 0 ? 0 : events * Math.log(odds);
    return Math.log(weight) + gained - total * Math.log1p(claimed * (odds - 1));
  });
  const largest = Math.max(...terms);
  if (!Number.isFinite(largest)) return largest;
  return largest + Math.log(terms.reduce((sum, term) => sum + Math.exp(term - largest), 0));
}

function weighted(odds: readonly number[], weight = 1): Alternative[] {
  return odds.map((each) => ({ odds: each, weight: weight / odds.length }));
}
