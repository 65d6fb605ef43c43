import { describe, expect, it } from '@jest/globals';
import { boundWish, LONGEST_WISH_MS, MOST_WISHED_SAMPLES, rescoreBatch } from './evidence-wish.js';

const NOW = new Date('2026-01-01T00:00:00Z');
const wish = (samples: number, seconds = 60) => ({
  ...{ samples, reason: 'The cause is unclear.', until: new Date(NOW.getTime() + seconds * 1_000) },
});

describe('a wish for more evidence', () => {
  it.each([
    ['nobody wishes anything', null, 100, 256],
    ['less than the document says', wish(10), 100, 256],
    ['more', wish(1_000), 100, 1_000],
    ['more than memory holds of large inputs', wish(4_000), 224 * 224 * 3, 256],
    ['as many as memory holds', wish(4_000), 16_384, 1_024],
  ])('%s', (_, asked, inputLength, batch) => {
    expect(rescoreBatch({ rescoreBatch: 256 }, asked, inputLength)).toBe(batch);
  });

  it('is bounded in number and time', () => {
    const bounded = boundWish(wish(1e9, 1e9), NOW);
    expect(bounded.samples).toBe(MOST_WISHED_SAMPLES);
    expect(bounded.until.getTime()).toBe(NOW.getTime() + LONGEST_WISH_MS);
    expect(() => boundWish(wish(Number.NaN), NOW)).toThrow(RangeError);
  });
});
