import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { SUMMARY_FEATURES } from '../../models/index.js';
import { summarise } from './features.js';

const image = [-1, 1, 2, 3];
const all = (values: readonly number[], shape: readonly number[]) =>
  summarise(Float32Array.from(values), shape, SUMMARY_FEATURES);

describe('summarise', () => {
  it.each([
    [
      'an image',
      [0, 1, 2, 3, 4, 5],
      image,
      { mean: 2.5, std: Math.sqrt(35 / 12), min: 0, max: 5, zeroFraction: 1 / 6, gradientEnergy: (4 * 1 + 3 * 9) / 7 },
    ],
    [
      'a series',
      [0, 2, 0, -2],
      [-1, 4],
      { mean: 0, std: Math.sqrt(2), min: -2, max: 2, zeroFraction: 0.5, gradientEnergy: 4 },
    ],
    ['one value', [7], [-1, 1], { mean: 7, std: 0, min: 7, max: 7, zeroFraction: 0, gradientEnergy: 0 }],
    ['one pixel', [7], [-1, 1, 1, 1], { mean: 7, std: 0, min: 7, max: 7, zeroFraction: 0, gradientEnergy: 0 }],
  ])('of %s', (_, values, shape, expected) => {
    const actual = all(values, shape);
    for (const feature of SUMMARY_FEATURES) expect(actual[feature]).toBeCloseTo(expected[feature], 12);
  });

  it('takes no difference across channels', () => {
    const twoFlatChannels = [0, 0, 0, 0, 9, 9, 9, 9];
    expect(all(twoFlatChannels, [-1, 2, 2, 2]).gradientEnergy).toBe(0);
  });

  it('computes only what is asked for', () => {
    expect(summarise(Float32Array.of(1, 2), [-1, 2], ['max'])).toEqual({ max: 2 });
  });

  it('is finite and ordered for any finite input', () => {
    const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 50 });
    fc.assert(
      fc.property(values, (row) => {
        const {
          mean = NaN,
          std = NaN,
          min = NaN,
          max = NaN,
          zeroFraction = NaN,
          gradientEnergy = NaN,
        } = all(row, [-1, row.length]);
        expect(min).toBeLessThanOrEqual(max);
        expect(mean).toBeGreaterThanOrEqual(min - Math.abs(min) * 1e-6);
        expect(mean).toBeLessThanOrEqual(max + Math.abs(max) * 1e-6);
        expect([std, gradientEnergy, zeroFraction].every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
      }),
    );
  });

  it('falls with blur and rises with noise in its gradient energy', () => {
    const edges = Array.from({ length: 64 }, (_, i) => (Math.floor(i / 2) % 2 === 0 ? 1 : 0));
    const blurred = edges.map((value, i) => (value + (edges[i - 1] ?? value) + (edges[i + 1] ?? value)) / 3);
    const noisy = edges.map((value, i) => value + ((i * 7) % 5) / 5);
    const energy = (values: number[]): number => all(values, [-1, 1, 8, 8]).gradientEnergy ?? NaN;
    expect(energy(blurred)).toBeLessThan(energy(edges));
    expect(energy(noisy)).toBeGreaterThan(energy(edges));
  });
});
