import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { admitted, anEvent } from '../testing/index.js';
import { deduplicate } from './deduplicate.js';
import { resolveLabels } from './resolve-labels.js';
import { chooseSamples, dropPlan, periodOf, refill, sampleBounds, samplePriority } from './sample-policy.js';
import { bandOf, driftScore, stratumOf } from './sampling-strata.js';
import { isHoldout, stableHash } from './stable-hash.js';

describe('dropPlan', () => {
  it('drops exactly the excess, from the largest strata only, and leaves no stratum larger than one that gave', () => {
    const counts = fc.dictionary(fc.string({ maxLength: 3 }), fc.integer({ min: 0, max: 50 }), { maxKeys: 8 });
    fc.assert(
      fc.property(counts, fc.nat(200), (sizes, limit) => {
        const before = new Map(Object.entries(sizes));
        const plan = dropPlan(before, limit);
        const total = [...before.values()].reduce((a, b) => a + b, 0);
        const dropped = [...plan.values()].reduce((a, b) => a + b, 0);
        expect(dropped).toBe(Math.max(0, total - limit));
        const after = [...before].map(([name, count]) => count - (plan.get(name) ?? 0));
        expect(Math.min(0, ...after)).toBe(0);
        const givers = [...plan.keys()].map((name) => (before.get(name) ?? 0) - (plan.get(name) ?? 0));
        if (givers.length > 0) expect(Math.max(...after) - Math.min(...givers)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('chooseSamples', () => {
  it('takes what is allowed on average, repeatably and without regard to what was answered', () => {
    const events = Array.from({ length: 30_000 }, (_, i) => admitted(anEvent(i)));
    const { chosen, chance } = chooseSamples(events, 6000);
    expect(chance).toBe(0.2);
    expect(Math.abs(chosen.length - 6000)).toBeLessThan(4 * Math.sqrt(30_000 * 0.2 * 0.8));
    expect(chooseSamples(events, 6000).chosen).toEqual(chosen);
    for (const prediction of [0, 1, 2]) {
      const share = chosen.filter(({ event }) => event.prediction === prediction).length / chosen.length;
      expect(Math.abs(share - 1 / 3)).toBeLessThan(0.02);
    }
  });

  it('takes all of them with chance 1 while the allowance lasts, and none when it is used up', () => {
    const events = [admitted(anEvent(1)), admitted(anEvent(2))];
    expect(chooseSamples(events, 2)).toEqual({ chosen: events, chance: 1 });
    expect(chooseSamples(events, -3)).toEqual({ chosen: [], chance: 0 });
    expect(chooseSamples([admitted(anEvent(1, { input: null }))], 5).chosen).toEqual([]);
    expect(chooseSamples([], 0)).toEqual({ chosen: [], chance: 1 });
  });

  it('fills the allowance with time, but not beyond two seconds’ worth', () => {
    expect(refill(null, 10, 0).tokens).toBe(20);
    expect(refill({ tokens: 0, at: 0 }, 10, 500).tokens).toBe(5);
    expect(refill({ tokens: 5, at: 0 }, 10, 60_000).tokens).toBe(20);
    expect(refill({ tokens: 5, at: 1000 }, 10, 0).tokens).toBe(5);
    expect(refill({ tokens: -5, at: 0 }, 10, 500).tokens).toBe(0);
  });

  it('has priorities that are uniform and have nothing to do with the holdout split', () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => `request-${i}`);
    for (const some of [ids, ids.filter(isHoldout), ids.filter((id) => !isHoldout(id))]) {
      const low = some.filter((id) => samplePriority(id) < 0.25).length / some.length;
      expect(Math.abs(low - 0.25)).toBeLessThan(4 * Math.sqrt(0.1875 / some.length));
    }
    expect(ids.every((id) => samplePriority(id) > 0 && samplePriority(id) < 1)).toBe(true);
  });
});

describe('sampleBounds', () => {
  it.each([
    ['rows', { sampleRows: 300, sampleBytes: 1e9, inputLength: 4 }, { rows: 300, reserved: 100 }],
    ['bytes', { sampleRows: 300, sampleBytes: 150 * 1000, inputLength: 75 }, { rows: 150, reserved: 50 }],
    ['one row', { sampleRows: 1, sampleBytes: 1e9, inputLength: 4 }, { rows: 1, reserved: 0 }],
    ['not even one row', { sampleRows: 9, sampleBytes: 1024, inputLength: 1000 }, { rows: 0, reserved: 0 }],
  ])('is what fits, by %s', (_, view, bounds) => {
    expect(sampleBounds(view)).toEqual(bounds);
  });

  it('cuts the age of a sample into periods that do not depend on the events', () => {
    expect(periodOf(new Date(0), 800)).toBe(0);
    expect(periodOf(new Date(99_999), 800)).toBe(0);
    expect(periodOf(new Date(100_000), 800)).toBe(100);
    expect(periodOf(new Date(1_500), 1)).toBe(1);
  });
});

describe('the drift score', () => {
  const tenths = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);
  const profile = new Map([
    ['a', tenths],
    ['constant', [7, 7.000000007]],
    ['$prediction', tenths],
  ]);

  it.each([
    ['between the quartiles', { a: 0.5 }, 0, 'in'],
    ['just outside', { a: 0.85 }, 0.2, 'in'],
    ['beyond the inner fence', { a: 1.75 }, 2, 'edge'],
    ['beyond the outer fence, below', { a: -1.5 }, 3.5, 'out'],
    ['far away, bounded', { a: 1e9 }, 10, 'out'],
    ['as constant as ever', { constant: 7 }, 0, 'in'],
    ['a constant that moved', { constant: 14 }, 1, 'in'],
    ['the furthest feature decides', { a: 1.75, constant: 7 }, 2, 'edge'],
  ])('of a row %s', (_, features, score, band) => {
    const actual = driftScore(features, profile);
    expect(actual).toBeCloseTo(score, 6);
    expect(bandOf(actual)).toBe(band);
  });

  it('is unknown without a profile', () => {
    expect(driftScore({ b: 1 }, profile)).toBeNull();
    expect(driftScore({ a: 1 }, new Map())).toBeNull();
  });

  it.each([
    [3, 10, { a: 0.5 }, '3/in'],
    [3, 10, {}, '3/none'],
    [1000, 2000, { a: 9 }, '232/out'],
    [0.01, null, { a: 0.5 }, 'value0/in'],
    [0.99, null, { a: 0.5 }, 'value4/in'],
  ])('puts prediction %p of %p classes with %p into stratum %p', (prediction, classes, features, stratum) => {
    expect(stratumOf({ prediction, features }, classes, profile)).toBe(stratum);
  });
});

describe('stableHash', () => {
  it('gives the same numbers in every release', () => {
    expect(['', 'a', 'r1', 'ä€'].map((text) => stableHash(text))).toEqual([
      2_872_998_923, 2_448_022_055, 2_963_121_515, 2_670_707_293,
    ]);
  });

  it('holds out a fifth', () => {
    const held = Array.from({ length: 20_000 }, (_, i) => `request-${i}`).filter(isHoldout).length;
    expect(Math.abs(held / 20_000 - 0.2)).toBeLessThan(0.01);
  });
});

describe('deduplicate', () => {
  it('keeps the first of each and the answer after a failure', () => {
    const failed = admitted(anEvent(1, { error: 'timeout', prediction: null }));
    const answered = admitted(anEvent(1));
    const other = admitted(anEvent(2));
    const result = deduplicate([failed, other, answered, other, answered, failed]);
    expect(result).toEqual({ first: [failed, other], retries: [answered], duplicates: 3 });
  });
});

describe('resolveLabels', () => {
  it('sorts every label into exactly one heap, and the first one of a request wins', () => {
    const id = fc.constantFrom('a', 'b', 'c', 'd');
    const labels = fc.array(fc.record({ requestId: id, label: fc.nat(2) }));
    const answers = fc.dictionary(id, fc.record({ prediction: fc.option(fc.nat(2)), label: fc.option(fc.nat(2)) }));
    fc.assert(
      fc.property(labels, answers, fc.dictionary(id, fc.nat(2)), (said, stored, waiting) => {
        const got = resolveLabels(said, new Map(Object.entries(stored)), new Map(Object.entries(waiting)));
        expect(got.join.length + got.early.length + got.repeated + got.conflicts.length).toBe(said.length);
        const joined = [...got.join, ...got.early].map(({ requestId }) => requestId);
        expect(new Set(joined).size).toBe(joined.length);
        for (const { requestId, label, correct } of got.join) {
          expect(stored[requestId]?.label ?? null).toBeNull();
          expect(correct).toBe(stored[requestId]?.prediction === label);
        }
      }),
    );
  });
});
