/** A warping path's cost and its number of steps. */
export interface Warping {
  /** Sum of |aᵢ − bⱼ| over the best path; Infinity when the band leaves none. */
  readonly cost: number;
  /** Steps of that path; the shortest one among equally cheap paths. */
  readonly steps: number;
}

/**
 * Dynamic time warping of two series with the absolute difference as local cost (Sakoe, Chiba, IEEE TASSP 1978). With a
 * band only pairs that are at most `band` places off the two corner diagonals are allowed. Time |a|·band, memory |b|.
 * @param band null = every pair is allowed
 */
export function warp(a: readonly number[], b: readonly number[], band: number | null): Warping {
  if (a.length === 0 || b.length === 0) return { cost: a.length === b.length ? 0 : Infinity, steps: 0 };
  const reach = band ?? Math.max(a.length, b.length);
  const below = Math.max(0, a.length - b.length) + reach;
  const above = Math.max(0, b.length - a.length) + reach;
  let costs = new Float64Array(b.length + 1).fill(Infinity);
  let steps = new Float64Array(b.length + 1);
  costs[0] = 0;
  for (let i = 1; i <= a.length; i += 1) {
    const nextCosts = new Float64Array(b.length + 1).fill(Infinity);
    const nextSteps = new Float64Array(b.length + 1);
    const last = i + above < b.length ? i + above : b.length;
    for (let j = i - below > 1 ? i - below : 1; j <= last; j += 1) {
      // The diagonal first: among equally cheap paths it is the shortest.
      let cost = costs[j - 1]!;
      let length = steps[j - 1]!;
      if (costs[j]! < cost) [cost, length] = [costs[j]!, steps[j]!];
      if (nextCosts[j - 1]! < cost) [cost, length] = [nextCosts[j - 1]!, nextSteps[j - 1]!];
      nextCosts[j] = cost + Math.abs(a[i - 1]! - b[j - 1]!);
      nextSteps[j] = length + 1;
    }
    [costs, steps] = [nextCosts, nextSteps];
  }
  return { cost: costs[b.length]!, steps: steps[b.length]! };
}

/** The band as a share of the longer series, as is usual. */
const BAND_SHARE = 0.1;
/** A distance takes no more steps of work than that: very long series get a narrower band. */
const MOST_CELLS = 1_000_000;

/**
 * Distance of two series: the warping's cost a step, so in the unit of the values and independent of their length; the band
 * is a tenth of the longer one. Infinity when one is empty and the other is not, or a value is no number.
 */
export function seriesDistance(a: readonly number[], b: readonly number[]): number {
  const longer = Math.max(1, a.length, b.length);
  const { cost, steps } = warp(a, b, Math.min(Math.ceil(BAND_SHARE * longer), Math.floor(MOST_CELLS / longer / 2)));
  if (Number.isNaN(cost)) return Infinity;
  return steps === 0 ? cost : cost / steps;
}
