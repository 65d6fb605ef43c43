import { describe, expect, it } from '@jest/globals';
import { upperBound, wilson } from './rate-bounds.js';
import { betaCumulative, binomialTail, chiSquareTail, lnGamma, normalQuantile } from './special-functions.js';

describe('special functions', () => {
  it.each([
    [1, 0],
    [0.5, Math.log(Math.sqrt(Math.PI))],
    [5, Math.log(24)],
    [101, 363.739_375_555_563_5],
  ])('ln Γ(%p) = %p', (x, expected) => expect(lnGamma(x)).toBeCloseTo(expected, 10));

  it.each([
    [3.841_458_820_694_124, 1, 0.05],
    [16.918_977_604_620_45, 9, 0.05],
    [0.5, 4, 0.973_500_978_839_256_5],
    [60, 5, 1.220_0e-11],
  ])('P(chi-square ≥ %p | %p degrees) = %p', (x, degrees, expected) => {
    expect(chiSquareTail(x, degrees) / expected).toBeCloseTo(1, 2);
  });

  it('agrees with the sum of the binomial tail', () => {
    const n = 20;
    const p = 0.13;
    for (let k = 0; k <= n; k += 1) {
      let sum = 0;
      for (let i = k; i <= n; i += 1)
        sum += Math.exp(
          lnGamma(n + 1) - lnGamma(i + 1) - lnGamma(n - i + 1) + i * Math.log(p) + (n - i) * Math.log1p(-p),
        );
      expect(binomialTail(k, n, p)).toBeCloseTo(sum, 10);
    }
    expect(betaCumulative(0.5, 3, 3)).toBeCloseTo(0.5, 12);
  });

  it.each([
    [0.975, 1.959_963_985],
    [0.05, -1.644_853_627],
    [1 - 1e-6, 4.753_424_309],
  ])('the normal quantile of %p is %p', (probability, z) => expect(normalQuantile(probability)).toBeCloseTo(z, 6));

  it('bounds rates as the textbooks do', () => {
    expect(wilson(0, 0)).toBeNull();
    expect(wilson(10, 100)?.lower).toBeCloseTo(0.0552, 4);
    expect(wilson(10, 100)?.upper).toBeCloseTo(0.1744, 4);
    expect(upperBound(0, 100, 0.05)).toBeCloseTo(1 - 0.05 ** 0.01, 8);
    expect(upperBound(10, 100, 0.025)).toBeCloseTo(0.1762, 4);
    expect(upperBound(5, 5, 0.05)).toBe(1);
  });
});
