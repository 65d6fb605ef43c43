import type { PairedCounts, Share } from './candidate.js';

/** One-sided 95 % point of the standard normal distribution. */
export const Z_95 = 1.6448536269514722;

/** right of reference − right of candidate, as a fraction; the loss in the sample itself. */
export function pairedLoss(counts: PairedCounts): number {
  return counts.samples === 0 ? 0 : (counts.lost - counts.gained) / counts.samples;
}

/**
 * Score statistic for "the true loss is at most `maxLoss`" from paired answers: large values speak against it.
 * Standard normal at the boundary. The variance is taken under the hypothesis, so a handful of discordant pairs neither
 * explodes it nor makes it zero. Source: Tango, Statistics in Medicine 17 (1998) 891–908, equations 3–5.
 */
export function excessLossScore(counts: PairedCounts, maxLoss: number): number {
  const { samples: n, lost, gained } = counts;
  if (n === 0) return 0;
  const a = 2 * n;
  const b = -lost - gained + (2 * n - lost + gained) * maxLoss;
  const c = -gained * maxLoss * (1 - maxLoss);
  const gainRate = (Math.sqrt(Math.max(0, b * b - 4 * a * c)) - b) / (2 * a);
  const variance = n * (2 * gainRate + maxLoss * (1 - maxLoss));
  const excess = lost - gained - n * maxLoss;
  if (variance <= 0) return excess > 0 ? Number.POSITIVE_INFINITY : 0;
  return excess / Math.sqrt(variance);
}

/** One-sided 95 % upper bound of a share. Source: Wilson, JASA 22 (1927) 209–212. */
export function upperBound(share: Share): number {
  const { value: p, samples: n } = share;
  if (n === 0) return 1;
  const z2 = Z_95 * Z_95;
  const centre = p + z2 / (2 * n);
  const spread = Z_95 * Math.sqrt((p * (1 - p)) / n + z2 / (4 * n * n));
  return Math.min(1, (centre + spread) / (1 + z2 / n));
}
