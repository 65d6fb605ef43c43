const { log, log1p, max, min, sqrt } = Math;

/** Where the mean of bounded numbers lies, at every moment at once. Plain data, goes on from where it was stored. */
export interface MeanInterval {
  readonly count: number;
  readonly sum: number;
  readonly squares: number;
  /** Σ λ, Σ λ x and Σ 4 (x − x̂)² ψ(λ), with x scaled to 0..1. */
  readonly lambdas: number;
  readonly weighted: number;
  readonly spread: number;
  /** Bounds of the mean, −1..1; they only ever come closer. */
  readonly low: number;
  readonly high: number;
}

export const NO_INTERVAL: MeanInterval = {
  ...{ count: 0, sum: 0, squares: 0, lambdas: 0, weighted: 0, spread: 0 },
  ...{ low: -1, high: 1 },
};

const LARGEST_LAMBDA = 0.5;

/**
 * One number more. For x_i ∈ [−1, 1] with E[x_i | past] = μ, P(low_n ≤ μ ≤ high_n for all n) ≥ 1 − α: the predictable
 * plug-in empirical Bernstein confidence sequence (I. Waudby-Smith, A. Ramdas, "Estimating means of bounded random variables
 * by betting", JRSS-B 2024, theorem 2), on (x + 1)/2: centre Σλx/Σλ, half-width (ln(2/α) + Σ v_i ψ_E(λ_i))/Σλ, v_i =
 * 4 (x_i − x̂_{i−1})², ψ_E(λ) = (−ln(1 − λ) − λ)/4, λ_i = min(½, √(2 ln(2/α)/(σ̂²_{i−1} i ln(1 + i)))). The bounds given
 * are the intersection of all so far. Use it for the size of an effect; the decision is `betting.ts`'s. An empty intersection
 * (possible with probability ≤ α) collapses to a point.
 * @param x clipped to −1..1; not a number counts as −1
 */
export function narrow(interval: MeanInterval, x: number, alpha: number): MeanInterval {
  const scaled = (min(1, max(-1, Number.isNaN(x) ? -1 : x)) + 1) / 2;
  const { count, sum, squares } = interval;
  const mean = (0.5 + sum) / (count + 1);
  const variance = max((0.25 + squares) / (count + 1), 1e-9);
  const n = count + 1;
  const lambda = min(LARGEST_LAMBDA, sqrt((2 * log(2 / alpha)) / (variance * n * log1p(n))));
  const psi = (-log1p(-lambda) - lambda) / 4;
  const lambdas = interval.lambdas + lambda;
  const weighted = interval.weighted + lambda * scaled;
  const spread = interval.spread + 4 * (scaled - mean) ** 2 * psi;
  const centre = weighted / lambdas;
  const half = (log(2 / alpha) + spread) / lambdas;
  const low = max(interval.low, 2 * max(0, centre - half) - 1);
  const high = min(interval.high, 2 * min(1, centre + half) - 1);
  const met = min(max((low + high) / 2, -1), 1);
  const updated = (mean * n + scaled) / (n + 1);
  return {
    ...{ count: n, sum: sum + scaled, squares: squares + (scaled - updated) ** 2 },
    ...{ lambdas, weighted, spread },
    ...(low <= high ? { low, high } : { low: met, high: met }),
  };
}
