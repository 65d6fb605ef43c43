/** One bucket of a cumulative histogram: how many were at most `le` seconds. */
export interface Bucket {
  readonly le: number;
  readonly count: number;
}

export interface BucketReading {
  readonly samples: number;
  /** Upper bound of the bucket that holds the quantile, in seconds; beyond the last finite bound that one. */
  readonly quantile: number | null;
  /** Slower than the ceiling for sure: above the first bound that is at least the ceiling. */
  readonly above: number;
  /** Slower than the ceiling for all that is known: above the last bound that is at most the ceiling. */
  readonly atMostAbove: number;
}

/**
 * Reads a quantile and the share above a ceiling without interpolation: `histogram_quantile` would draw a straight line
 * through the bucket that holds the quantile, and let a gate pass by luck of where in the bucket the answers were.
 * Null when the buckets are no histogram (no +Inf, counts that fall).
 */
export function readBuckets(buckets: readonly Bucket[], q: number, ceilingSeconds: number): BucketReading | null {
  const sorted = buckets.toSorted((a, b) => a.le - b.le);
  const total = sorted.at(-1);
  if (total === undefined || !isHistogram(sorted)) return null;
  const samples = total.count;
  const finite = sorted.slice(0, -1);
  const holds = finite.find(({ count }) => count >= q * samples) ?? finite.at(-1);
  const atLeast = finite.find(({ le }) => le >= ceilingSeconds);
  const below = finite.findLast(({ le }) => le <= ceilingSeconds);
  return {
    samples,
    quantile: samples === 0 ? null : (holds?.le ?? null),
    above: samples - (atLeast?.count ?? samples),
    atMostAbove: samples - (below?.count ?? 0),
  };
}

function isHistogram(sorted: readonly Bucket[]): boolean {
  const rises = sorted.every(({ count }, at) => Number.isFinite(count) && count >= (sorted[at - 1]?.count ?? 0));
  return rises && sorted.at(-1)?.le === Number.POSITIVE_INFINITY;
}
