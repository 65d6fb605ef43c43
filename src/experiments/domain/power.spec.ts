import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { playBets } from './betting.js';
import { logFewerErrors } from './error-ratio.js';
import { decidableMargin, pairsToDecide, requestsForErrors } from './power.js';

/** The 80 % quantile of the pairs that the test really takes. */
function simulated(disagreement: number, effect: number): number {
  const plan = { margin: 0.01, alpha: 0.05, disagreement };
  const better = (disagreement + effect) / 2;
  const taken = Array.from({ length: 120 }, (_, seed) => {
    const random = seededRandom(seed + 1);
    const pairs = Array.from({ length: 9_000 }, () => {
      const u = random();
      return u < better ? 1 : u < disagreement ? -1 : 0;
    });
    return playBets(pairs, plan).pairs;
  });
  return taken.sort((a, b) => a - b)[Math.floor(0.8 * taken.length)] ?? Number.NaN;
}

describe('the plan of a paired test', () => {
  it.each([
    [0.02, 0],
    [0.05, 0],
    [0.03, -0.02],
  ])(
    'says within 30 %% how many pairs 80 %% of tests take at %p disagreement and effect %p',
    (disagreement, effect) => {
      const planned = pairsToDecide({ margin: 0.01, alpha: 0.05, disagreement }, effect);
      const real = simulated(disagreement, effect);
      expect(planned / real).toBeGreaterThan(0.7);
      expect(planned / real).toBeLessThan(1.3);
    },
  );

  it('needs more for less margin, less alpha and more disagreement, and for ever exactly at the margin', () => {
    const plan = { margin: 0.01, alpha: 0.05, disagreement: 0.03 };
    const pairs = pairsToDecide(plan);
    expect(pairsToDecide({ ...plan, margin: 0.005 })).toBeGreaterThan(2 * pairs);
    expect(pairsToDecide({ ...plan, alpha: 0.01 })).toBeGreaterThan(pairs);
    expect(pairsToDecide({ ...plan, disagreement: 0.06 })).toBeGreaterThan(pairs);
    expect(pairsToDecide(plan, -0.01)).toBe(Infinity);
    expect(pairsToDecide({ ...plan, disagreement: 0 })).toBeLessThan(340);
  });

  it('is a positive number or infinity for every plan', () => {
    const share = fc.double({ min: 1e-4, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(
        share,
        share,
        share,
        fc.double({ min: -1, max: 1, noNaN: true }),
        (margin, alpha, disagreement, effect) => {
          expect(pairsToDecide({ margin, alpha, disagreement }, effect)).toBeGreaterThan(0);
        },
      ),
    );
  });
});

describe('the plan of two error ratios', () => {
  it('is what the test takes in four of five', () => {
    const bound = { ratio: 1, added: 0.02, expected: 0.02 };
    const planned = requestsForErrors(bound, 0.05);
    const proven = Array.from({ length: 200 }, (_, seed) => {
      const random = seededRandom(seed + 1);
      const arm = () => ({
        errors: Array.from({ length: planned }, () => random()).filter((u) => u < 0.02).length,
        total: planned,
      });
      return logFewerErrors(arm(), arm(), bound) >= Math.log(20);
    });
    const share = proven.filter(Boolean).length / proven.length;
    expect(share).toBeGreaterThan(0.65);
    expect(share).toBeLessThan(0.99);
  });

  it('says that no number suffices where the bound leaves no room', () => {
    expect(requestsForErrors({ ratio: 1, added: 0, expected: 0.01 }, 0.05)).toBe(Infinity);
  });
});

describe('the decidable margin', () => {
  it('is the smallest one for which the room suffices', () => {
    const needed = (margin: number) => pairsToDecide({ margin, alpha: 0.05, disagreement: 0.03 });
    const margin = decidableMargin(needed, 2_000) ?? Number.NaN;
    expect(needed(margin)).toBeLessThanOrEqual(2_000);
    expect(needed(0.98 * margin)).toBeGreaterThan(1_990);
    expect(decidableMargin(() => Infinity, 100)).toBeNull();
  });
});
