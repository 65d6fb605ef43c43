import type { ExperimentReading } from './experiment.js';

// Looked up once: in a sandboxed realm (as tests run in) every global costs far more than the arithmetic.
const { exp, log, log1p, max, min } = Math;

/** right(candidate) − right(champion) on one request. */
export type Difference = -1 | 0 | 1;

export interface BettingPlan {
  /** Largest loss that counts as no worse, 0 < margin < 1. */
  readonly margin: number;
  /** Bound of the probability of a wrong PASS, and separately of a wrong FAIL. */
  readonly alpha: number;
}

/** Where the bets stand, and which of them reached 1/alpha first. */
export interface BettingOutcome {
  readonly reading: Omit<ExperimentReading, 'newestAt'>;
  readonly proven: 'non-inferior' | 'harm' | null;
}

// Pseudo-observations that steady the first bets. They decide how fast the test is, never how often it errs.
const VARIANCE_WEIGHT = 80;
const MEAN_WEIGHT = 1_000;
const LARGEST_SHARE = 0.95;

/**
 * Paired non-inferiority by betting, exact at every sample size and however often one looks.
 *
 * D_i = right(candidate) − right(champion) ∈ {−1, 0, 1}. H0: E[D_i | past] ≤ −m. The wealth
 * K_n = Π (1 + λ_i (D_i + m)) with λ_i chosen from the past only and 0 ≤ λ_i < 1/(1 − m) is a non-negative
 * supermartingale under H0, so by Ville's inequality P(sup K_n ≥ 1/α) ≤ α. Harm is proven by the opposite bets
 * K_n = Π (1 − λ_i (D_i + m)), 0 ≤ λ_i < 1/(1 + m), against H0: E[D_i | past] ≥ −m.
 * Source: I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random variables by betting", JRSS-B 2024.
 *
 * The bets are "approximate GRAPA" (same paper, section B.3): λ = g / (σ̂² + g²) for the estimated gain g = μ̂ + m, with
 * shrunken running estimates of mean and variance; the mean shrinks to 0 (no loss) for the first bets and to −2m for the
 * second. The fold ends at the first crossing, so later pairs cannot take a proof back and a pass over more pairs
 * says the same as many passes over few. Wealth is kept as a logarithm; it may underflow to 0 when given out.
 */
export function playBets(differences: Iterable<Difference>, plan: BettingPlan): BettingOutcome {
  const { margin, alpha } = plan;
  const threshold = -log(alpha);
  let pairs = 0;
  let sum = 0;
  let discordant = 0;
  let logNonInferior = 0;
  let logHarm = 0;
  let proven: BettingOutcome['proven'] = null;
  for (const difference of differences) {
    const edge = difference + margin;
    logNonInferior += log1p(bet(pairs, sum, discordant, margin, 1, 0) * edge);
    logHarm += log1p(-bet(pairs, sum, discordant, margin, -1, -2 * margin) * edge);
    pairs += 1;
    sum += difference;
    if (difference !== 0) discordant += 1;
    if (logNonInferior >= threshold) proven = 'non-inferior';
    else if (logHarm >= threshold) proven = 'harm';
    if (proven !== null) break;
  }
  return {
    reading: {
      pairs,
      discordant,
      difference: pairs === 0 ? 0 : sum / pairs,
      wealthNonInferior: exp(logNonInferior),
      wealthHarm: exp(logHarm),
    },
    proven,
  };
}

/** λ for the next pair from the past only; `side` 1 bets that the candidate is no worse, −1 that it is worse. */
function bet(pairs: number, sum: number, discordant: number, margin: number, side: 1 | -1, priorMean: number): number {
  const mean = (MEAN_WEIGHT * priorMean + sum) / (MEAN_WEIGHT + pairs);
  const gain = side * (mean + margin);
  if (gain <= 0) return 0;
  const square = (VARIANCE_WEIGHT * 2 * margin + discordant) / (VARIANCE_WEIGHT + pairs);
  const variance = max(square - mean * mean, 0);
  return min(gain / (variance + gain * gain), LARGEST_SHARE / (1 - side * margin));
}
