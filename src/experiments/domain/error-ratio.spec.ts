import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { type ErrorBound, logFewerErrors, logMoreErrors, wealthOf } from './error-ratio.js';

const BOUND: ErrorBound = { ratio: 1, added: 0.01, expected: 0.01 };
const PROOF = Math.log(20);

/** Whether a claim is ever proven over `looks` looks of `batch` requests an arm (the candidate gets `share` of them). */
function proves(
  claim: typeof logFewerErrors,
  seed: number,
  [candidate, champion]: readonly [number, number],
  { batch = 320, looks = 10, share = 0.5, bound = BOUND } = {},
): number | null {
  const random = seededRandom(seed);
  const [ours, theirs] = [
    { errors: 0, total: 0 },
    { errors: 0, total: 0 },
  ];
  for (let look = 1; look <= looks; look += 1) {
    for (let i = 0; i < 2 * batch; i += 1) {
      const isOurs = random() < share;
      const arm = isOurs ? ours : theirs;
      arm.total += 1;
      if (random() < (isOurs ? candidate : champion)) arm.errors += 1;
    }
    if (claim(ours, theirs, bound) >= PROOF) return look * batch;
  }
  return null;
}

const rate = (streams: number, of: (seed: number) => boolean) =>
  Array.from({ length: streams }, (_, seed) => of(seed + 1)).filter(Boolean).length / streams;

describe('the mixture test of two error ratios', () => {
  it.each([
    ['exactly at the bound', [0.02, 0.01], 0.5],
    ['at the bound without errors of the champion', [0.01, 0], 0.5],
    ['at the bound with few requests for the candidate', [0.02, 0.01], 0.1],
    ['beyond it', [0.03, 0.01], 0.5],
  ] as const)('wrongly proves fewer errors in at most 5 %% of 120 streams: %s', (_, rates, share) => {
    expect(rate(120, (seed) => proves(logFewerErrors, seed, rates, { share }) !== null)).toBeLessThanOrEqual(0.05);
  });

  it.each([
    ['exactly at the bound', [0.02, 0.01]],
    ['equal', [0.01, 0.01]],
  ] as const)('wrongly proves more errors in at most 5 %% of 120 streams: %s', (_, rates) => {
    expect(rate(120, (seed) => proves(logMoreErrors, seed, rates) !== null)).toBeLessThanOrEqual(0.05);
  });

  it('proves an equal candidate within 3,200 requests an arm, and one with 5 points more within 1,000', () => {
    expect(rate(30, (seed) => proves(logFewerErrors, seed, [0.005, 0.005]) !== null)).toBeGreaterThan(0.8);
    expect(rate(30, (seed) => (proves(logMoreErrors, seed, [0.06, 0.01]) ?? Infinity) <= 1_000)).toBeGreaterThan(0.8);
  });

  it('holds for a ratio as well', () => {
    const bound = { ratio: 2, added: 0, expected: 0.05 };
    expect(rate(120, (seed) => proves(logFewerErrors, seed, [0.1, 0.05], { bound }) !== null)).toBeLessThanOrEqual(
      0.05,
    );
    expect(rate(30, (seed) => proves(logFewerErrors, seed, [0.05, 0.05], { bound }) !== null)).toBeGreaterThan(0.8);
  });

  const count = fc
    .tuple(fc.nat(100_000), fc.double({ min: 0, max: 1, noNaN: true }))
    .map(([total, share]) => ({ total, errors: Math.round(total * share) }));
  const bound = fc.record({
    ratio: fc.double({ min: 0.01, max: 100, noNaN: true }),
    added: fc.double({ min: 0, max: 1, noNaN: true }),
    expected: fc.double({ min: 0, max: 1, noNaN: true }),
  });

  it('begins with one, is a finite e-value for all counts and bounds, and never proves a claim and its opposite', () => {
    expect(logFewerErrors({ errors: 0, total: 0 }, { errors: 0, total: 0 }, BOUND)).toBeCloseTo(0, 12);
    fc.assert(
      fc.property(count, count, bound, (candidate, champion, asked) => {
        const [fewer, more] = [logFewerErrors(candidate, champion, asked), logMoreErrors(candidate, champion, asked)];
        for (const wealth of [wealthOf(fewer), wealthOf(more)]) {
          expect(Number.isFinite(wealth)).toBe(true);
          expect(wealth).toBeGreaterThanOrEqual(0);
        }
        // The peak lies on one side, where the mixture cannot beat it.
        expect(Math.min(fewer, more)).toBeLessThanOrEqual(1e-6);
      }),
    );
  });

  it('believes less in fewer errors with every error more', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), fc.nat(50), (total, errors) => {
        const champion = { errors: 2, total: 1_000 };
        const at = (n: number) => logFewerErrors({ errors: Math.min(n, total), total }, champion, BOUND);
        if (errors / total < 0.012) return;
        expect(at(errors + 1)).toBeLessThanOrEqual(at(errors) + 1e-6);
      }),
    );
  });
});
