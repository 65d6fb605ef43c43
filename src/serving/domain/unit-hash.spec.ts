import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { unitHash } from './unit-hash.js';

/** Sum of (observed - expected)² / expected. */
function chiSquare(observed: readonly number[], expected: number): number {
  return observed.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe('unitHash', () => {
  it('is a number in [0, 1) that the texts alone decide', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (texts) => {
        const value = unitHash(...texts);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThan(1);
        expect(unitHash(...texts)).toBe(value);
      }),
    );
  });

  it('keeps its texts apart', () => {
    expect(unitHash('ab', 'c')).not.toBe(unitHash('a', 'bc'));
  });

  // 99 degrees of freedom: 148.2 is the 99.9 % quantile of chi-square.
  it.each([
    ['counted keys', (i: number) => `user-${i}`],
    ['keys that differ in front', (i: number) => `${i}-user`],
    ['sequential UUIDs', (i: number) => `0194f5c0-0000-7000-8000-${i.toString(16).padStart(12, '0')}`],
    ['keys beyond ASCII', (i: number) => `клиент-${i}`],
  ])('is uniform over %s', (_, key) => {
    const bins = new Array<number>(100).fill(0);
    for (let i = 0; i < 100_000; i += 1) bins[Math.floor(unitHash('salt', key(i)) * 100)]! += 1;
    expect(chiSquare(bins, 1000)).toBeLessThan(148.2);
  });

  it('gives every salt an independent number for the same key', () => {
    const cells = new Array<number>(100).fill(0);
    for (let i = 0; i < 100_000; i += 1) {
      const [a, b] = [unitHash('one', `user-${i}`), unitHash('two', `user-${i}`)];
      cells[Math.floor(a * 10) * 10 + Math.floor(b * 10)]! += 1;
    }
    expect(chiSquare(cells, 1000)).toBeLessThan(148.2);
  });
});
