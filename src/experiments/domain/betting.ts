// Looked up once: in a sandboxed realm (as tests run in) every global costs far more than the arithmetic.
const { exp, log, log1p, max, min, sqrt } = Math;

/**
 * How much better the candidate did than the champion on one request, −1..1. For right and wrong answers it is
 * right(candidate) − right(champion) ∈ {−1, 0, 1}; for errors and distances see `lossDifference`.
 */
export type Difference = number;

export interface BettingPlan {
  /** Largest loss that counts as no worse, 0 < margin < 1. */
  readonly margin: number;
  /** Bound of the probability of a wrong PASS, and separately of a wrong FAIL. */
  readonly alpha: number;
  /**
   * Share of requests on which the two are expected to differ (for other differences: their expected square), measured
   * before the first pair, e.g. on held-out rows. It decides how fast the test is, never how often it errs. Absent = 2.5
   * margins are assumed.
   */
  readonly disagreement?: number;
}

/** Everything that the bets know of the past. Plain data: what was stored goes on as if it had never stopped. */
export interface Bets {
  readonly pairs: number;
  readonly sum: number;
  /** Sum of the differences' squares. */
  readonly squares: number;
  /** Pairs with a difference. */
  readonly discordant: number;
  readonly logNonInferior: number;
  readonly logHarm: number;
  /** Which of them reached 1/alpha first; then nothing moves any more. */
  readonly proven: 'non-inferior' | 'harm' | null;
}

export const NO_BETS: Bets = {
  ...{ pairs: 0, sum: 0, squares: 0, discordant: 0 },
  ...{ logNonInferior: 0, logHarm: 0, proven: null },
};

/** Where the bets stand, in words. */
export interface BettingReading {
  readonly pairs: number;
  readonly discordant: number;
  /** Mean of the differences; 0 without any. */
  readonly difference: number;
  readonly wealthNonInferior: number;
  readonly wealthHarm: number;
}

// How much the first bets rest on expectations instead of on pairs, in pairs times the margin: a smaller margin needs more
// pairs, so expectations count for longer. Tuned by simulation (bench/experiments); the bound holds for any of them.
const VARIANCE_WEIGHT = 2;
const MEAN_WEIGHT = 100;
/** What the first bets take for the variance, in margins, where nothing was measured. */
const USUAL_VARIANCE = 2.5;
const LEAST_VARIANCE = 0.3;
const MOST_VARIANCE = 6;
/** A measured disagreement is taken for so much more: betting too much costs far more pairs than betting too little. */
const CAUTION = 1.5;
/** Above the bet that grows fastest: the median of the time to a proof is shortest a little above it. */
const BOLDNESS = 1.2;
const LARGEST_SHARE = 0.95;

/**
 * Paired non-inferiority by betting, exact at every sample size and however often one looks.
 *
 * D_i ∈ [−1, 1]. H0: E[D_i | past] ≤ −m. The wealth K_n = Π (1 + λ_i (D_i + m)) with λ_i chosen from the past only and
 * 0 ≤ λ_i < 1/(1 − m) is a non-negative supermartingale under H0 that begins with 1, so by Ville's inequality
 * P(sup K_n ≥ 1/α) ≤ α. Harm is proven by the opposite bets K_n = Π (1 − λ_i (D_i + m)), 0 ≤ λ_i < 1/(1 + m), against H0:
 * E[D_i | past] ≥ −m. Neither needs independence, only that each pair's expectation given the past is on its side of −m.
 * Source: I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024.
 *
 * The bets follow "approximate GRAPA" (same paper, section B.3): r = g / (σ̂² + g²) for the estimated gain g = μ̂ + m, with
 * shrunken running estimates of mean and variance; the mean shrinks to 0 (no loss) for the first bets and to −2m for the
 * second, the variance to what was measured before. `growthShare` turns r into the bet. The fold stops at the first crossing, so later pairs cannot take a
 * proof back and one fold over many pairs says the same as many folds over few. Wealth is kept as a logarithm; it may
 * underflow to 0 when given out.
 */
export function playBets(differences: Iterable<Difference>, plan: BettingPlan, from: Bets = NO_BETS): Bets {
  if (from.proven !== null) return from;
  const { margin, alpha } = plan;
  const threshold = -log(alpha);
  let { pairs, sum, squares, discordant, logNonInferior, logHarm } = from;
  let proven: Bets['proven'] = null;
  for (const difference of differences) {
    const edge = difference + margin;
    logNonInferior += log1p(shareOf(pairs, sum, squares, plan, 1) * edge);
    logHarm += log1p(-shareOf(pairs, sum, squares, plan, -1) * edge);
    pairs += 1;
    sum += difference;
    squares += difference * difference;
    if (difference !== 0) discordant += 1;
    if (logNonInferior >= threshold) proven = 'non-inferior';
    else if (logHarm >= threshold) proven = 'harm';
    if (proven !== null) break;
  }
  return { pairs, sum, squares, discordant, logNonInferior, logHarm, proven };
}

/** What to show of the bets. */
export function readBets(bets: Bets): BettingReading {
  return {
    pairs: bets.pairs,
    discordant: bets.discordant,
    difference: bets.pairs === 0 ? 0 : bets.sum / bets.pairs,
    wealthNonInferior: exp(bets.logNonInferior),
    wealthHarm: exp(bets.logHarm),
  };
}

/** λ for the next pair from the past only; `side` 1 bets that the candidate is no worse, −1 that it is worse. */
function shareOf(
  pairs: number,
  sum: number,
  squares: number,
  { margin, disagreement }: BettingPlan,
  side: 1 | -1,
): number {
  const meanWeight = MEAN_WEIGHT / margin;
  const mean = (meanWeight * (side === 1 ? 0 : -2 * margin) + sum) / (meanWeight + pairs);
  const gain = side * (mean + margin);
  if (gain <= 0) return 0;
  const expected =
    disagreement === undefined
      ? USUAL_VARIANCE * margin
      : min(CAUTION * disagreement + LEAST_VARIANCE * margin, MOST_VARIANCE * margin);
  const varianceWeight = VARIANCE_WEIGHT / margin;
  const square = (varianceWeight * min(expected, 1) + squares) / (varianceWeight + pairs);
  const variance = max(square - mean * mean, 0);
  return growthShare(gain, variance, 1 - side * margin);
}

/**
 * The bet for an estimated gain and variance. GRAPA's r = gain/(variance + gain²) is the first-order solution for the bet
 * that makes the wealth grow fastest; where losses of size 1 are as likely as gains the exact one is λ/(1 − λ²) = r, which
 * never bets all, however sure the estimate is. @param largestLoss the bet times it stays below 1
 */
export function growthShare(gain: number, variance: number, largestLoss: number): number {
  const r = gain / (variance + gain * gain);
  if (!(r > 1e-9)) return 0;
  return min((BOLDNESS * (sqrt(1 + 4 * r * r) - 1)) / (2 * r), LARGEST_SHARE / largestLoss);
}

/**
 * The bounded difference of two losses (absolute error, distance of series or texts): min(1, champion/bound) −
 * min(1, candidate/bound), so −1..1 and above 0 where the candidate did better. A loss beyond `bound` counts as `bound`;
 * the margin is then a share of it. What is no number counts as the largest loss.
 */
export function lossDifference(champion: number, candidate: number, bound: number): Difference {
  return clipped(champion, bound) - clipped(candidate, bound);
}

function clipped(loss: number, bound: number): number {
  const share = loss / bound;
  return Number.isNaN(share) ? 1 : min(1, max(0, share));
}
