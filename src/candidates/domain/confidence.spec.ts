import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { excessLossScore, pairedLoss, upperBound } from './confidence.js';

const counts = fc
  .tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 2000 }))
  .map(([lost, gained, ties]) => ({ lost, gained, samples: lost + gained + ties }));

describe('excessLossScore', () => {
  it('is the score of one binomial share when nothing was gained', () => {
    // 4 of 100 lost against 1 %: variance under the hypothesis with its restricted estimate.
    expect(excessLossScore({ samples: 100, lost: 4, gained: 0 }, 0.01)).toBeCloseTo(1.723, 2);
  });

  it('is finite, and positive exactly when the loss in the sample is above the budget', () => {
    fc.assert(
      fc.property(counts, fc.double({ min: 0.001, max: 0.2, noNaN: true }), (given, maxLoss) => {
        const score = excessLossScore(given, maxLoss);
        expect(Number.isFinite(score)).toBe(true);
        expect(Math.sign(score)).toBe(Math.sign(given.lost - given.gained - given.samples * maxLoss));
      }),
    );
  });

  it('says nothing without rows, and falls when the budget grows', () => {
    expect(excessLossScore({ samples: 0, lost: 0, gained: 0 }, 0.01)).toBe(0);
    const given = { samples: 200, lost: 12, gained: 3 };
    expect(excessLossScore(given, 0.01)).toBeGreaterThan(excessLossScore(given, 0.04));
    expect(pairedLoss(given)).toBeCloseTo(0.045);
  });

  it('judges a budget of nothing too', () => {
    expect(excessLossScore({ samples: 50, lost: 0, gained: 0 }, 0)).toBe(0);
    expect(excessLossScore({ samples: 50, lost: 9, gained: 0 }, 0)).toBeGreaterThan(1.64);
  });
});

describe('upperBound', () => {
  it('encloses the share and closes in on it with the rows', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 1, max: 10_000 }), (value, samples) => {
        const bound = upperBound({ value, samples });
        expect(bound).toBeGreaterThanOrEqual(value - 1e-12);
        expect(bound).toBeLessThanOrEqual(1);
        expect(upperBound({ value, samples: samples * 4 })).toBeLessThanOrEqual(bound + 1e-12);
      }),
    );
    expect(upperBound({ value: 0, samples: 0 })).toBe(1);
    expect(upperBound({ value: 0.9, samples: 500 })).toBeCloseTo(0.92, 2);
  });
});
