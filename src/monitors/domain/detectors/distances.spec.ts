import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../../kernel/index.js';
import { divergences, kolmogorovSmirnov, wasserstein } from './distances.js';

describe('distances of histograms', () => {
  it('are nothing between equal shapes and large between disjoint ones', () => {
    const same = divergences([50, 50], [500, 500]);
    expect(same.psi).toBeCloseTo(0, 4);
    expect(same.jensenShannon).toBeCloseTo(0, 4);
    expect(kolmogorovSmirnov([50, 50], [500, 500])).toEqual({ distance: 0, pValue: 1 });
    const apart = divergences([100, 0], [0, 100]);
    expect(apart.psi).toBeGreaterThan(5);
    expect(apart.jensenShannon).toBeGreaterThan(0.9);
    expect(kolmogorovSmirnov([100, 0], [0, 100]).distance).toBe(1);
    expect(kolmogorovSmirnov([100, 0], [0, 100]).pValue).toBeLessThan(1e-40);
  });

  it('are nothing without counts', () => {
    expect(divergences([], [])).toEqual({ psi: 0, jensenShannon: 0 });
    expect(kolmogorovSmirnov([0, 0], [1, 1])).toEqual({ distance: 0, pValue: 1 });
    expect(wasserstein([1], [0, 0], [1, 1])).toEqual({ distance: 0, standardised: null });
  });

  it('have a Kolmogorov–Smirnov p-value that is valid for one look, also for small and uneven samples', () => {
    const random = seededRandom(3);
    const draw = (n: number) => {
      const counts = Array.from({ length: 10 }, () => 0);
      for (let i = 0; i < n; i += 1) counts[Math.floor(random() * 10)]! += 1;
      return counts;
    };
    for (const [n, m] of [
      [5, 5],
      [20, 300],
      [200, 200],
    ] as const)
      for (const level of [0.2, 0.05]) {
        let rejected = 0;
        for (let i = 0; i < 1_000; i += 1) if (kolmogorovSmirnov(draw(n), draw(m)).pValue <= level) rejected += 1;
        expect(rejected / 1_000).toBeLessThanOrEqual(level);
      }
  });

  it('give Wasserstein in the unit of the feature', () => {
    const edges = [0, 1, 2, 3, 4];
    // Even over [0, 2) against even over [2, 4): every unit of mass moves by 2.
    expect(wasserstein(edges, [0, 50, 50, 0, 0, 0], [0, 0, 0, 50, 50, 0]).distance).toBeCloseTo(2, 12);
    // The distribution functions cross within a bin: |x| runs from 0.5 through 0 to 0.5 and its mean is a quarter.
    expect(wasserstein([0, 1], [50, 0, 50], [0, 100, 0]).distance).toBeCloseTo(0.25, 12);
  });

  it('take the difference of the means where the open bins hide how far the values went', () => {
    const spread = (mean: number) => ({ count: 100, mean, m2: 400 });
    const moved = wasserstein([0, 1], [0, 0, 100], [0, 0, 100], { baseline: spread(5), recent: spread(11) });
    expect(moved).toEqual({ distance: 6, standardised: 3 });
    const constant = { count: 100, mean: 5, m2: 0 };
    expect(wasserstein([0], [0, 9], [0, 9], { baseline: constant, recent: constant }).standardised).toBeNull();
  });
});
