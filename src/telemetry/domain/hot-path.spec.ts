import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { BinTable } from './bin-table.js';
import { binOf, quantileEdges } from './feature-profile.js';
import { latencyBin, LatencySketch } from './latency-sketch.js';
import { parseTime } from './parse-time.js';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });

describe('the short ways of the hot path', () => {
  it('puts a value into the bin that a binary search finds, whatever the edges', () => {
    const edges = fc.uniqueArray(
      fc.oneof(finite, fc.integer({ min: -3, max: 3 }), fc.double({ min: 0, max: 1, noNaN: true })),
      {
        minLength: 0,
        maxLength: 19,
        comparator: (a, b) => a === b,
      },
    );
    fc.assert(
      fc.property(edges, fc.array(finite, { maxLength: 20 }), (unsorted, others) => {
        const sorted = unsorted.toSorted((a, b) => a - b);
        const table = new BinTable(2);
        table.fix(1, sorted);
        const near = sorted.flatMap((edge) => [edge, edge * (1 + 2e-16), edge * (1 - 2e-16), edge + 1e-9, -edge]);
        for (const value of [...others, ...near].filter(Number.isFinite)) {
          expect([value, table.binOf(1, value)]).toEqual([value, binOf(sorted, value)]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('takes no more edges than it has room for', () => {
    const many = Array.from({ length: 20 }, (_, i) => i);
    expect(() => {
      new BinTable(1).fix(0, many);
    }).toThrow(RangeError);
    expect(quantileEdges(Array.from({ length: 300 }, (_, i) => i)).length).toBeLessThan(20);
  });

  it('finds the bin of a latency without a logarithm, and it is the one that the formula gives', () => {
    const gamma = 1.01 / 0.99;
    const first = Math.ceil(Math.log(1e-3) / Math.log(gamma));
    const boundOf = (bin: number): number => gamma ** (bin + first);
    fc.assert(
      fc.property(fc.double({ min: -8, max: 18, noNaN: true }), (exponent) => {
        const value = Math.exp(exponent);
        const bin = latencyBin(value);
        expect(value).toBeLessThanOrEqual(boundOf(bin));
        expect(bin === 0 || value > boundOf(bin - 1)).toBe(true);
      }),
      { numRuns: 5_000 },
    );
    for (let bin = 1; bin < 1_200; bin += 1) {
      expect([latencyBin(boundOf(bin)), latencyBin(boundOf(bin) * (1 + 1e-12))]).toEqual([bin, bin + 1]);
    }
    expect([latencyBin(Number.NaN), latencyBin(-1), latencyBin(0), latencyBin(1e-3)]).toEqual([0, 0, 0, 0]);
    expect(latencyBin(Number.POSITIVE_INFINITY)).toBe(latencyBin(1e8));
  });

  it('is the same sketch with few values as with many', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 150 }), (values) => {
        const sketch = new LatencySketch();
        const parts = new LatencySketch();
        for (const value of values) {
          sketch.add(value);
          const one = new LatencySketch();
          one.add(value);
          parts.addBytes(one.toBytes());
        }
        expect(sketch.toBytes()).toEqual(parts.toBytes());
        expect(sketch.count).toBe(values.length);
      }),
    );
  });

  it('reads a time as the platform does', () => {
    const inYears = fc.integer({ min: 0, max: 253_402_300_799_999 });
    fc.assert(
      fc.property(inYears, (at) => {
        const text = new Date(at).toISOString();
        const seconds = `${text.slice(0, 19)}Z`;
        expect([parseTime(text), parseTime(at), parseTime(seconds)]).toEqual([at, at, Math.floor(at / 1000) * 1000]);
        expect(parseTime(text.replace('Z', '+02:00'))).toBe(at - 7_200_000 < 0 ? Number.NaN : at - 7_200_000);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:61:00Z',
    '2026-01-01T00:00:00',
    '2026-01-01 00:00:00Z',
    '1969-12-31T23:59:59Z',
    '2026-01-01T00:00:0xZ',
    '',
    'soon',
    Number.NaN,
    -1,
    1e300,
    null,
    {},
  ])('refuses %p as a time', (value) => {
    expect(parseTime(value)).toBeNaN();
  });
});
