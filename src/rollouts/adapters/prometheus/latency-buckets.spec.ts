import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Bucket, readBuckets } from './latency-buckets.js';

const INF = Number.POSITIVE_INFINITY;
const buckets = (...counts: readonly [number, number][]): Bucket[] => counts.map(([le, count]) => ({ le, count }));

describe('readBuckets', () => {
  const seen = buckets([0.1, 90], [0.25, 96], [0.5, 99], [INF, 100]);
  it.each([
    ['a ceiling that is a bound is exact', 0.95, 0.25, { quantile: 0.25, above: 4, atMostAbove: 4 }],
    ['one between two bounds leaves their bucket open', 0.95, 0.3, { quantile: 0.25, above: 1, atMostAbove: 4 }],
    ['below every bound everything may be slow', 0.95, 0.01, { above: 10, atMostAbove: 100 }],
    ['above every bound only the overflow may be', 0.95, 2, { above: 0, atMostAbove: 1 }],
    ['a quantile in the overflow is at least the last bound', 0.995, 0.5, { quantile: 0.5, above: 1 }],
  ])('%s', (_, q, ceiling, expected) => {
    expect(readBuckets(seen, q, ceiling)).toMatchObject({ samples: 100, ...expected });
  });

  it.each([
    ['without +Inf', buckets([0.1, 1])],
    ['of nothing', []],
    ['whose counts fall', buckets([0.1, 5], [INF, 4])],
    ['with a count that is no number', buckets([0.1, Number.NaN], [INF, 4])],
  ])('knows nothing of buckets %s', (_, broken) => {
    expect(readBuckets(broken, 0.95, 0.1)).toBeNull();
  });

  it('never says less of what is slow than there is, nor more than there may be', () => {
    const bounds = [0.1, 0.25, 0.5, 1];
    const latencies = fc.array(fc.double({ min: 0.001, max: 3, noNaN: true }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(latencies, fc.double({ min: 0.01, max: 3, noNaN: true }), (values, ceiling) => {
        const counted = [...bounds, INF].map((le) => ({ le, count: values.filter((value) => value <= le).length }));
        const read = readBuckets(counted, 0.95, ceiling);
        const slow = values.filter((value) => value > ceiling).length;
        expect(read?.above).toBeLessThanOrEqual(slow);
        expect(read?.atMostAbove).toBeGreaterThanOrEqual(slow);
      }),
    );
  });
});
