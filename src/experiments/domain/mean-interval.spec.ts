import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { type MeanInterval, narrow, NO_INTERVAL } from './mean-interval.js';

function follow(values: readonly number[], alpha: number): MeanInterval {
  return values.reduce((interval, value) => narrow(interval, value, alpha), NO_INTERVAL);
}

describe('the interval of a bounded mean', () => {
  it.each([
    ['right and wrong answers', 0, (u: () => number) => (u() < 0.02 ? -1 : u() < 0.02 / 0.98 ? 1 : 0)],
    ['differences of distances', -0.05, (u: () => number) => 0.3 * (u() + u() - 1) - 0.05],
    ['mostly nothing, rarely all', 0.01, (u: () => number) => (u() < 0.01 ? 1 : 0)],
  ])('never misses the mean of %s in more than 5 %% of 200 streams looked at at every value', (_, mean, draw) => {
    let missed = 0;
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = seededRandom(seed);
      let interval = NO_INTERVAL;
      for (let i = 0; i < 1_000; i += 1) interval = narrow(interval, draw(random), 0.05);
      if (mean < interval.low - 1e-12 || mean > interval.high + 1e-12) missed += 1;
    }
    expect(missed / 200).toBeLessThanOrEqual(0.05);
  });

  it('narrows to a few points where the values spread little', () => {
    const random = seededRandom(5);
    const { low, high } = follow(
      Array.from({ length: 4_000 }, () => 0.1 * (random() - 0.5)),
      0.05,
    );
    expect(high - low).toBeLessThan(0.03);
  });

  it('only ever narrows, within its bounds, and is never no number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ min: -2, max: 2 }), fc.constantFrom(-1, 0, 1, Number.NaN)), { maxLength: 200 }),
        fc.double({ min: 1e-12, max: 0.5, noNaN: true }),
        (values, alpha) => {
          let interval = NO_INTERVAL;
          for (const value of values) {
            const next = narrow(interval, value, alpha);
            const narrows = next.low >= interval.low && next.high <= interval.high && next.low <= next.high;
            if (!narrows) expect(next).toBe(interval);
            interval = next;
          }
        },
      ),
    );
  });
});
