import type { Digest } from '../../kernel/index.js';

/** What one data plane says of one interval, as far as it matters for windows. */
export interface ServedInterval {
  readonly version: Digest;
  readonly at: Date;
  readonly seconds: number;
  readonly requests: number;
}

/**
 * Requests by start of the base window (milliseconds since 1970) that they belong to. A count over more than one window is
 * spread evenly over its time, in whole numbers whose sum is the count: the sender knows no better, and neither do we.
 */
export function spreadServed(
  { at, seconds, requests }: ServedInterval,
  windowSeconds: number,
): ReadonlyMap<number, number> {
  const size = windowSeconds * 1000;
  const from = at.getTime();
  const length = seconds * 1000;
  const parts = new Map<number, number>();
  let given = 0;
  for (let start = Math.floor(from / size) * size; start < from + length; start += size) {
    const passed = Math.min(1, (start + size - from) / length);
    const upTo = passed === 1 ? requests : Math.floor(requests * passed);
    parts.set(start, upTo - given);
    given = upTo;
  }
  return parts;
}
