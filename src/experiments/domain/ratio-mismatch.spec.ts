import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { logMismatch, MISMATCH_ALPHA } from './ratio-mismatch.js';

const ALARM = -Math.log(MISMATCH_ALPHA);

/** Units after which the alarm goes when `share` of them come to the second arm; null = not within `units`. */
function alarm(seed: number, share: number, planned: number, units = 5_000, level = ALARM): number | null {
  const random = seededRandom(seed);
  const counts = [0, 0];
  for (let n = 1; n <= units; n += 1) {
    counts[random() < share ? 1 : 0]! += 1;
    if (logMismatch(counts, [1 - planned, planned]) >= level) return n;
  }
  return null;
}

describe('the test of the sample ratio', () => {
  it.each([0.5, 0.1])('gives a false alarm in at most 5 %% of 200 streams at level 5 %%, at a share of %p', (share) => {
    const alarms = Array.from({ length: 200 }, (_, seed) => alarm(seed + 1, share, share, 2_000, Math.log(20)));
    expect(alarms.filter((at) => at !== null).length / 200).toBeLessThanOrEqual(0.05);
  });

  it('gives none of 100 at its own level, and finds 55 instead of 50 % within 4,000 units', () => {
    const seeds = Array.from({ length: 100 }, (_, seed) => seed + 1);
    expect(seeds.filter((seed) => alarm(seed, 0.5, 0.5, 2_000) !== null).length).toBeLessThanOrEqual(1);
    expect(seeds.slice(0, 50).filter((seed) => (alarm(seed, 0.55, 0.5) ?? Infinity) <= 4_000).length).toBeGreaterThan(
      45,
    );
  });

  it('finds that everything goes to one arm within 70 units', () => {
    expect(alarm(1, 1, 0.5)).toBeLessThanOrEqual(70);
  });

  it('begins with one, depends on the counts alone and is a number for all of them', () => {
    expect(logMismatch([0, 0, 0], [0.5, 0.3, 0.2])).toBeCloseTo(0, 12);
    fc.assert(
      fc.property(fc.array(fc.nat(1e7), { minLength: 2, maxLength: 5 }), (counts) => {
        const shares = counts.map(() => 1 / counts.length);
        expect(Number.isFinite(logMismatch(counts, shares))).toBe(true);
        expect(logMismatch([...counts].reverse(), shares)).toBeCloseTo(logMismatch(counts, shares), 3);
      }),
    );
  });
});
