import type { Digest } from '../../kernel/index.js';

/** Values after which a feature's bins are fixed. */
export const PROFILE_VALUES = 300;
export const QUANTILE_BINS = 20;

/** The pseudo-feature that bins a regression model's predictions. */
export const PREDICTION_FEATURE = '$prediction';

/** The pseudo-feature whose "edges" are the classes that are counted one by one, for a model with very many of them. */
export const CLASS_FEATURE = '$class';
/** How many those are at most. */
const TOP_CLASSES = 192;

/** A value that waits for its bins, with the window that it will be counted in. */
export interface PendingValue {
  readonly value: number;
  readonly version: Digest;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly seconds: number;
}

/** Bins of one feature of one model. Once fixed they never change, so that all windows can be added and compared. */
export type FeatureProfile =
  | { readonly edges: null; readonly pending: readonly PendingValue[] }
  | { readonly edges: readonly number[]; readonly pending: readonly [] };

export const EMPTY_PROFILE: FeatureProfile = { edges: null, pending: [] };

/**
 * Takes values in: they wait until there are 300, then the bins are fixed and every value that waited is released to be
 * counted in its window. Nothing is lost and nothing is counted twice, whatever the batches.
 */
export function growProfile(
  profile: FeatureProfile,
  values: readonly PendingValue[],
  edgesOf: (values: readonly number[]) => readonly number[] = quantileEdges,
): { readonly profile: FeatureProfile; readonly released: readonly PendingValue[] } {
  if (profile.edges !== null) return { profile, released: values };
  const pending = [...profile.pending, ...values];
  if (pending.length < PROFILE_VALUES) return { profile: { edges: null, pending }, released: [] };
  const first = pending.slice(0, PROFILE_VALUES).map(({ value }) => value);
  return { profile: { edges: edgesOf(first), pending: [] }, released: pending };
}

/**
 * Inner edges of up to 20 bins with equal shares of `values`, strictly ascending. A value that holds more than one
 * share (a constant feature, a border of zeros) gets a bin of its own, so that a move in either direction is seen.
 */
export function quantileEdges(values: readonly number[]): number[] {
  const sorted = [...values].sort((a, b) => a - b);
  const edges: number[] = [];
  for (let i = 1; i < QUANTILE_BINS; i += 1) {
    const edge = sorted[Math.floor((i * sorted.length) / QUANTILE_BINS)] ?? 0;
    const last = edges.at(-1);
    if (last === undefined || edge > last) edges.push(edge);
    else if (edge === last || edge > (edges.at(-2) ?? Number.NEGATIVE_INFINITY)) {
      const above = justAbove(edge);
      if (above > last) edges.push(above);
    }
  }
  return edges;
}

/** The most frequent of `values`, ascending, at most 192; equally frequent ones by their number. */
export function topClasses(values: readonly number[]): number[] {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts]
    .sort((a, b) => b[1] - a[1] || a[0] - b[0])
    .slice(0, TOP_CLASSES)
    .map(([value]) => value)
    .sort((a, b) => a - b);
}

/** Index of the bin that `value` falls into: the number of edges at or below it. */
export function binOf(edges: readonly number[], value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((edges[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function justAbove(value: number): number {
  return value + Math.max(Math.abs(value), 1) * 1e-9;
}
