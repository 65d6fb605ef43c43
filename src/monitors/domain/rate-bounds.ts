import { betaCumulative } from './special-functions.js';

/** A share with bounds and the number of observations behind it. */
export interface RateLevel {
  readonly value: number;
  readonly lower: number;
  readonly upper: number;
  readonly samples: number;
}

/** 0.975 quantile of the normal distribution: two-sided 95 %. */
const Z_95 = 1.959_963_984_540_054;

/**
 * Wilson score bounds of a share (Wilson, JASA 1927); `z` = normal quantile, 1.96 for two-sided 95 %.
 * Null without observations.
 */
export function wilson(bad: number, samples: number, z = Z_95): RateLevel | null {
  if (samples <= 0) return null;
  const value = bad / samples;
  const square = z * z;
  const centre = value + square / (2 * samples);
  const spread = z * Math.sqrt((value * (1 - value)) / samples + square / (4 * samples * samples));
  const scale = 1 + square / samples;
  return {
    value,
    lower: bad === 0 ? 0 : Math.max(0, (centre - spread) / scale),
    upper: bad === samples ? 1 : Math.min(1, (centre + spread) / scale),
    samples,
  };
}

/**
 * Clopper–Pearson upper bound: the rate at which so few bad answers or fewer have probability `miss`, so that it lies
 * below the true rate with probability at most `miss`, exactly, for every n. `bad` may be fractional (a rounded rate).
 */
export function upperBound(bad: number, samples: number, miss: number): number {
  if (samples <= 0 || bad >= samples) return 1;
  let low = bad / samples;
  let high = 1;
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (1 - betaCumulative(middle, bad + 1, samples - bad) > miss) low = middle;
    else high = middle;
  }
  return high;
}

/**
 * Upper bound of the mean of values in [0, 1] from `samples` independent ones, below the true mean with probability at
 * most `miss`, exactly, for every n. Without the variance (sum of squared deviations ÷ n) it is Hoeffding's in its
 * Kullback–Leibler form (JASA 1963, theorem 1): the largest m with n·kl(mean, m) ≤ ln(1/miss). With it the better of that
 * and the empirical Bernstein bound (Maurer, Pontil, COLT 2009, theorem 4), each at half of `miss`.
 */
export function boundedMeanUpperBound(mean: number, samples: number, miss: number, variance?: number): number {
  if (samples <= 0 || mean >= 1) return 1;
  if (variance === undefined || samples < 2) return klUpperBound(mean, samples, miss);
  const log = Math.log(4 / miss);
  const unbiased = (variance * samples) / (samples - 1);
  const bernstein = mean + Math.sqrt((2 * unbiased * log) / samples) + (7 * log) / (3 * (samples - 1));
  return Math.min(1, bernstein, klUpperBound(mean, samples, miss / 2));
}

function klUpperBound(mean: number, samples: number, miss: number): number {
  const most = Math.log(1 / miss) / samples;
  let low = Math.max(0, mean);
  let high = 1;
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (divergence(mean, middle) > most) high = middle;
    else low = middle;
  }
  return high;
}

/** Kullback–Leibler divergence of two Bernoulli distributions, in nats. */
function divergence(p: number, q: number): number {
  const ones = p <= 0 ? 0 : p * Math.log(p / q);
  const zeros = p >= 1 ? 0 : (1 - p) * Math.log((1 - p) / (1 - q));
  return ones + zeros;
}
