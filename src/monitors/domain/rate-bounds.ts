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
