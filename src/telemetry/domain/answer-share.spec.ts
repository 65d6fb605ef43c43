import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import {
  advanceShare,
  type AnswerShare,
  isKept,
  isOutside,
  mayBeOutside,
  SHARE_SLOT_MS,
  WHOLE_SHARE,
} from './answer-share.js';
import { stableHash } from './stable-hash.js';

const BOUND = 1_000;
const REMEMBER_MS = 60_000;
const T0 = 1_800_000_000_000;

/** Traffic of so many events a second for some seconds, in commits of 100 ms. */
function drive(
  share: AnswerShare,
  from: number,
  seconds: number,
  perSecond: number,
): { share: AnswerShare; kept: number } {
  let kept = 0;
  let current = share;
  for (let at = from; at < from + seconds * 1000; at += 100) {
    current = advanceShare(current, perSecond / 10, at, BOUND, REMEMBER_MS);
    kept += (perSecond / 10) * 2 ** -current.level;
  }
  return { share: current, kept };
}

describe('the share of answers that is kept one by one', () => {
  it.each([
    [900, 0],
    [1_900, 1],
    [100_000, 7],
  ])('follows traffic of %p a second to level %p and stays there', (perSecond, level) => {
    const { share } = drive(WHOLE_SHARE, T0, 30, perSecond);
    expect(share.level).toBe(level);
    const later = drive(share, T0 + 30_000, 60, perSecond);
    expect(later.share.level).toBe(level);
    expect(later.kept / 60).toBeLessThanOrEqual(BOUND);
    expect(later.kept / 60).toBeGreaterThan(Math.min(perSecond, BOUND / 4) * 0.99);
  });

  it('keeps at most some slots above the bound when traffic jumps, and comes back when it is over', () => {
    const calm = drive(WHOLE_SHARE, T0, 10, 100).share;
    const jump = drive(calm, T0 + 10_000, 60, 200_000);
    expect(jump.kept / 60).toBeLessThanOrEqual(BOUND + (4 * BOUND * SHARE_SLOT_MS) / 1000 / 60);
    const after = drive(jump.share, T0 + 70_000, 60, 100);
    expect(after.share.level).toBe(0);
  });

  it('never flutters, whatever the steady rate', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500_000 }), (perSecond) => {
        const settled = drive(WHOLE_SHARE, T0, 120, perSecond).share;
        const later = drive(settled, T0 + 120_000, 120, perSecond).share;
        expect(later.past.filter(({ until }) => until > T0 + 120_000)).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it('is nested and has the size that its level says', () => {
    const hashes = Array.from({ length: 40_000 }, (_, n) => stableHash(`req-${n}`));
    for (const level of [0, 1, 3, 6]) {
      const kept = hashes.filter((hash) => isKept(hash, level));
      const share = kept.length / hashes.length;
      expect(Math.abs(share - 2 ** -level)).toBeLessThan(4 * Math.sqrt(2 ** -level / hashes.length) + 1e-9);
      expect(kept.every((hash) => level === 0 || isKept(hash, level - 1))).toBe(true);
    }
  });

  it('gives an unbiased error rate, whatever the traffic did', () => {
    const random = seededRandom(7);
    let share = WHOLE_SHARE;
    let [kept, wrong, n] = [0, 0, 0];
    for (let at = T0; at < T0 + 600_000; at += 1000) {
      const perSecond = at % 60_000 < 20_000 ? 8_000 : 300;
      share = advanceShare(share, perSecond, at, BOUND, REMEMBER_MS);
      for (let i = 0; i < perSecond; i += 20) {
        const isWrong = random() < 0.08;
        if (!isKept(stableHash(`r${(n += 1)}`), share.level)) continue;
        kept += 1;
        if (isWrong) wrong += 1;
      }
    }
    expect(kept).toBeGreaterThan(5_000);
    expect(Math.abs(wrong / kept - 0.08)).toBeLessThan(4 * Math.sqrt((0.08 * 0.92) / kept));
  });

  it('says of a label whether its answer was certainly, possibly or never left out', () => {
    const grown: AnswerShare = { level: 1, slot: T0, seen: 0, past: [{ level: 4, until: T0 - 1_000 }] };
    const ids = Array.from({ length: 2_000 }, (_, n) => `req-${n}`);
    for (const id of ids) {
      const hash = stableHash(id);
      expect(isOutside(id, grown, 0)).toBe(!isKept(hash, 1));
      expect(mayBeOutside(id, grown, 0)).toBe(!isKept(hash, 4));
      expect(mayBeOutside(id, grown, T0)).toBe(!isKept(hash, 1));
      expect(isOutside(id, WHOLE_SHARE, 0)).toBe(false);
    }
  });

  it('forgets levels that no label can need any more', () => {
    const { share } = drive(WHOLE_SHARE, T0, 10, 50_000);
    const quiet = drive(share, T0 + 10_000, 30, 10).share;
    expect(quiet.past.length).toBeGreaterThan(3);
    expect(drive(quiet, T0 + 40_000, 120, 10).share.past).toEqual([]);
  });
});
