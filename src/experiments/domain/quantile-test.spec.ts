import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { LatencySketch } from '../../telemetry/index.js';
import { type Cell, cellsOf, logQuantileAbove, logQuantileBelow } from './quantile-test.js';

const P95 = { quantile: 0.95, ratio: 1.2, added: 0 };
const PROOF = Math.log(20);

/** Latencies with a heavy tail (log-normal) whose quantiles are `scale` times as large. */
function draw(random: () => number, scale: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return scale * 10 * Math.exp(0.5 * normal);
}

const raw = (values: readonly number[]): Cell[] => cellsOf(values);
function sketched(values: readonly number[]): Cell[] {
  const sketch = new LatencySketch();
  for (const value of values) sketch.add(value);
  return sketch.cells();
}

/** Whether the claim is ever proven over looks at 250, 500, … 1,500 requests an arm. */
function proves(claim: typeof logQuantileBelow, seed: number, scale: number, cells = raw, bound = P95): boolean {
  const random = seededRandom(seed);
  const [candidate, champion]: [number[], number[]] = [[], []];
  for (let look = 0; look < 6; look += 1) {
    for (let i = 0; i < 250; i += 1) {
      candidate.push(draw(random, scale));
      champion.push(draw(random, 1));
    }
    if (claim(cells(candidate), cells(champion), bound) >= PROOF) return true;
  }
  return false;
}

const rate = (streams: number, of: (seed: number) => boolean) =>
  Array.from({ length: streams }, (_, seed) => of(seed + 1)).filter(Boolean).length / streams;

describe('the sequential test of two latency quantiles', () => {
  it.each([
    ['raw latencies', raw],
    ['sketches', sketched],
  ])('wrongly proves a bound in at most 5 %% of 100 streams when it is exactly reached, from %s', (_, cells) => {
    expect(rate(100, (seed) => proves(logQuantileBelow, seed, 1.2, cells))).toBeLessThanOrEqual(0.05);
    expect(rate(100, (seed) => proves(logQuantileAbove, seed, 1.2, cells))).toBeLessThanOrEqual(0.05);
  });

  it('holds where all latencies are a few round numbers', () => {
    const rounded = (values: readonly number[]) => raw(values.map((value) => Math.ceil(value / 10) * 10));
    expect(rate(100, (seed) => proves(logQuantileBelow, seed, 1.3, rounded))).toBeLessThanOrEqual(0.05);
  });

  it('proves an equal p95 against 1.5 times, and one twice as large', () => {
    const bound = { ...P95, ratio: 1.5 };
    expect(rate(20, (seed) => proves(logQuantileBelow, seed, 1, sketched, bound))).toBeGreaterThan(0.8);
    expect(rate(20, (seed) => proves(logQuantileAbove, seed, 2, sketched))).toBeGreaterThan(0.8);
  });

  it('loses power to cells, never the level: a proof from a sketch is a proof from the latencies themselves', () => {
    for (let seed = 1; seed <= 10; seed += 1) {
      const random = seededRandom(seed);
      const values = Array.from({ length: 800 }, () => [draw(random, 1), draw(random, 1)] as const);
      const [ours, theirs] = [values.map(([a]) => a), values.map(([, b]) => b)];
      const bound = { ...P95, ratio: 1.4 };
      const exact = logQuantileBelow(raw(ours), raw(theirs), bound);
      expect(logQuantileBelow(sketched(ours), sketched(theirs), bound)).toBeLessThanOrEqual(exact + 1e-9);
    }
  });

  it('allows what is added', () => {
    const bound = { quantile: 0.95, ratio: 1, added: 15 };
    expect(rate(20, (seed) => proves(logQuantileBelow, seed, 1, raw, bound))).toBeGreaterThan(0.8);
  });

  const values = fc.array(fc.oneof(fc.double({ min: 0, max: 1e9, noNaN: true }), fc.constantFrom(0, 1, 1e-9)), {
    maxLength: 120,
  });

  it('begins with one, takes no notice of order, and is a number for all inputs', () => {
    expect(logQuantileBelow([], [], P95)).toBeCloseTo(0, 12);
    fc.assert(
      fc.property(values, values, fc.constantFrom(0.5, 0.95, 0.99), (ours, theirs, quantile) => {
        const bound = { quantile, ratio: 1.1, added: 0.5 };
        const e = logQuantileBelow(raw(ours), raw(theirs), bound);
        expect(Number.isFinite(e)).toBe(true);
        expect(logQuantileBelow(raw([...ours].reverse()), raw(theirs), bound)).toBe(e);
        expect(Number.isFinite(logQuantileAbove(raw(ours), raw(theirs), bound))).toBe(true);
      }),
    );
  });

  it('never proves both, and believes less in a bound the slower the candidate is', () => {
    fc.assert(
      fc.property(values, values, (ours, theirs) => {
        const [below, above] = [logQuantileBelow, logQuantileAbove].map((e) => e(raw(ours), raw(theirs), P95));
        expect(Math.min(below!, above!)).toBeLessThanOrEqual(1e-9);
        const slower = ours.map((value) => 2 * value + 1);
        expect(logQuantileBelow(raw(slower), raw(theirs), P95)).toBeLessThanOrEqual(below! + 1e-9);
      }),
    );
  });
});
