import type { Moments } from './window.js';

export const NO_MOMENTS: Moments = { count: 0, mean: 0, m2: 0, min: Number.MAX_VALUE, max: -Number.MAX_VALUE };

/** Adds one finite value (Welford 1962). */
export function addValue(moments: Moments, value: number): Moments {
  const count = moments.count + 1;
  const delta = value - moments.mean;
  const mean = moments.mean + delta / count;
  return {
    count,
    mean,
    m2: moments.m2 + delta * (value - mean),
    min: Math.min(moments.min, value),
    max: Math.max(moments.max, value),
  };
}

/** Adds two sets of values (Chan, Golub, LeVeque 1983); commutative, and associative within rounding. */
export function mergeMoments(a: Moments, b: Moments): Moments {
  if (a.count === 0) return b;
  if (b.count === 0) return a;
  const count = a.count + b.count;
  const delta = b.mean - a.mean;
  return {
    count,
    mean: a.mean + (delta * b.count) / count,
    m2: a.m2 + b.m2 + (delta * delta * a.count * b.count) / count,
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
  };
}
