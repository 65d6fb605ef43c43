import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../../kernel/index.js';
import { boundedMeanUpperBound } from '../rate-bounds.js';
import { BASELINE_MISS, CELLS, lnSum, shiftDesign } from './shift-design.js';
import { NEW_SHIFT, observeShift, shiftEvidence, type ShiftState } from './shift-detector.js';

const ALONE = { leastShift: 0, features: 1 };

/** Counts of `answers` draws from a distribution over bins. */
function draw(random: () => number, shares: readonly number[], answers: number): number[] {
  const counts = shares.map(() => 0);
  for (let i = 0; i < answers; i += 1) {
    let left = random();
    let bin = 0;
    while (bin < shares.length - 1 && left >= shares[bin]!) {
      left -= shares[bin]!;
      bin += 1;
    }
    counts[bin]! += 1;
  }
  return counts;
}

describe('a shift of one feature', () => {
  // A baseline and a stream of the same distribution, many times: the expected score must not exceed the answers seen,
  // whatever the baseline's size and shape. A mean over heavy tails is no test, so alarms at several A are counted.
  it.each([
    ['ten equal bins, 30 in the baseline', Array.from({ length: 10 }, () => 0.1), 30],
    ['a rare bin, 100 in the baseline', [0.9, 0.08, 0.015, 0.005], 100],
    ['two bins, 1,000 in the baseline', [0.3, 0.7], 1_000],
  ])('is seen without one at most n/A often: %s', (_, shares, baseline) => {
    const reached = new Map([20, 100, 1_000].map((every) => [every, 0]));
    const answers = 10;
    const batches = 8;
    for (let seed = 1; seed <= 400; seed += 1) {
      const random = seededRandom(seed);
      const design = shiftDesign(draw(random, shares, baseline), true, ALONE);
      let state = NEW_SHIFT;
      let highest = -Infinity;
      for (let i = 0; i < batches; i += 1) {
        state = observeShift(state, draw(random, shares, answers), answers);
        highest = Math.max(highest, shiftEvidence(design, state).lnScore);
      }
      for (const [every, count] of reached) if (highest >= Math.log(every)) reached.set(every, count + 1);
    }
    for (const [every, count] of reached)
      expect(count / 400).toBeLessThanOrEqual(Math.min(1, (answers * batches) / every));
  });

  // Exact, over every baseline of two bins: what E[score]/n comes to while the stream's part S has mean n at the true mean.
  it.each([
    [30, 0.5],
    [100, 0.1],
    [200, 0.3],
    [200, 0.9],
    [500, 0.05],
  ])('costs a baseline of %p with a share of %p at most 1.03 in the constant', (samples, share) => {
    let expected = 0;
    let lnProbability = samples * Math.log(1 - share);
    for (let k = 0; k <= samples; k += 1) {
      const { baseline, mean } = shiftDesign([samples - k, k], false, ALONE).directions[1]!;
      const upper = boundedMeanUpperBound(mean, samples, BASELINE_MISS / 2, mean * (1 - mean));
      const cell = Math.max(0, Math.floor(((share - mean) / (upper - mean)) * CELLS));
      // Beyond the upper bound nothing is promised: that is BASELINE_MISS.
      if (share < upper) expected += Math.exp(lnProbability + baseline[cell]!);
      lnProbability += Math.log(((samples - k) / (k + 1)) * (share / (1 - share)));
    }
    expect(expected).toBeGreaterThan(0.1);
    expect(expected).toBeLessThanOrEqual(1.03);
  });

  it.each([
    ['higher', [0.1, 0.1, 0.15, 0.25, 0.4]],
    ['lower', [0.4, 0.25, 0.15, 0.1, 0.1]],
    ['wider', [0.32, 0.13, 0.1, 0.13, 0.32]],
    ['bin 4', [0.125, 0.125, 0.125, 0.125, 0.5]],
  ])('is named by its direction: %s', (name, shares) => {
    const random = seededRandom(1);
    const design = shiftDesign([400, 400, 400, 400, 400], true, { leastShift: 0.05, features: 3 });
    let state = NEW_SHIFT;
    for (let i = 0; i < 12; i += 1) state = observeShift(state, draw(random, shares, 100), 100);
    const { lnScore, direction } = shiftEvidence(design, state);
    expect(direction).toBe(name);
    expect(lnScore).toBeGreaterThan(Math.log(1e6));
  });

  it('has no ranks where bins are only names', () => {
    const names = shiftDesign([5, 5, 0], false, ALONE).directions.map(({ name }) => name);
    expect(names).toEqual(['bin 0', 'bin 1', 'bin 2']);
  });

  it('does not count below its floor, however certain it is', () => {
    const baseline = [50_000, 50_000];
    const seen = (leastShift: number) => {
      const design = shiftDesign(baseline, true, { leastShift, features: 1 });
      const state = Array.from({ length: 40 }).reduce<ShiftState>((so) => observeShift(so, [460, 540], 100), NEW_SHIFT);
      return shiftEvidence(design, state).lnScore;
    };
    expect(seen(0)).toBeGreaterThan(40);
    expect(seen(0.09)).toBe(-Infinity);
  });

  it('keeps some two beginnings an octave', () => {
    let state = NEW_SHIFT;
    for (let i = 0; i < 5_000; i += 1) state = observeShift(state, [1, 1], 10);
    expect(state.beginnings.length).toBeLessThan(40);
    const ages = state.beginnings.map(({ batch }) => 5_001 - batch);
    for (let i = 0; i + 1 < ages.length; i += 1) expect(ages[i]! / ages[i + 1]!).toBeLessThanOrEqual(4);
    expect(ages[0]).toBeGreaterThan(2_500);
    expect(ages.at(-1)).toBe(1);
  });

  it('survives a restart bit for bit, wherever it happens, and does not see empty batches', () => {
    const batch = fc.oneof(fc.constant([0, 0, 0]), fc.array(fc.nat(30), { minLength: 3, maxLength: 3 }));
    const design = shiftDesign([20, 30, 50], true, { leastShift: 0.01, features: 2 });
    fc.assert(
      fc.property(fc.array(batch, { maxLength: 60 }), fc.nat(60), (batches, cut) => {
        const feed = (from: ShiftState, some: typeof batches) =>
          some.reduce<ShiftState>((state, counts) => observeShift(state, counts, 20), from);
        const whole = feed(NEW_SHIFT, batches);
        const first = JSON.parse(JSON.stringify(feed(NEW_SHIFT, batches.slice(0, cut)))) as ShiftState;
        expect(feed(first, batches.slice(cut))).toEqual(whole);
        expect(shiftEvidence(design, whole).lnScore).not.toBeNaN();
        expect(whole.batches).toBe(batches.filter((counts) => counts.some((count) => count > 0)).length);
      }),
    );
  });
});

describe('sums in logarithms', () => {
  it('neither overflow nor lose what is small', () => {
    expect(lnSum([1_000, 1_000])).toBeCloseTo(1_000 + Math.LN2, 12);
    expect(lnSum([-1_000, 0])).toBe(0);
    expect(lnSum([])).toBe(-Infinity);
    expect(lnSum([-Infinity, -Infinity])).toBe(-Infinity);
  });
});
