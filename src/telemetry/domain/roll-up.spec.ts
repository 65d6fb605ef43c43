import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { coarseSeconds, coarseStart, rollUpLevels } from './roll-up.js';

const [minute, hour] = rollUpLevels({ baseSeconds: 1, minuteSeconds: 2, totalSeconds: 3 });

describe('the sizes of rolled-up windows', () => {
  it.each([
    [1, 60, 3600],
    [10, 60, 3600],
    [7, 63, 3654],
    [45, 90, 3600],
    [59, 118, 3658],
  ])('of base windows of %i s are %i s and %i s', (base, minutes, hours) => {
    expect(coarseSeconds(base, minute!)).toBe(minutes);
    expect(coarseSeconds(minutes, hour!)).toBe(hours);
  });

  it('let every fine window lie within exactly one coarse one, at every level', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3599 }), fc.nat(1e9), (seconds, place) => {
        const start = place * seconds * 1000;
        for (const level of [minute!, hour!].filter(({ from, below }) => seconds >= from && seconds < below)) {
          const coarse = coarseSeconds(seconds, level);
          const begin = coarseStart(start, coarse);
          expect(coarse % seconds).toBe(0);
          expect(coarse).toBeGreaterThanOrEqual(level.below);
          expect(coarse).toBeLessThan(level.below + seconds);
          expect(begin).toBeLessThanOrEqual(start);
          expect(start + seconds * 1000).toBeLessThanOrEqual(begin + coarse * 1000);
        }
      }),
    );
  });
});
