import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { admitted, anEvent } from '../testing/index.js';
import { deduplicate } from './deduplicate.js';
import { resolveLabels } from './resolve-labels.js';
import { chooseSamples, dropPlan, refill, stratumOf } from './sample-policy.js';
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
  it('takes what is allowed, repeatably and without regard to what was answered', () => {
    const events = Array.from({ length: 3000 }, (_, i) => admitted(anEvent(i)));
    const chosen = chooseSamples(events, 600);
    expect(chosen).toHaveLength(600);
    expect(chooseSamples(events, 600)).toEqual(chosen);
    for (const prediction of [0, 1, 2]) {
      const share = chosen.filter(({ event }) => event.prediction === prediction).length / 600;
      expect(Math.abs(share - 1 / 3)).toBeLessThan(0.06);
    }
    expect(chooseSamples(events, 0.9)).toEqual([]);
    expect(chooseSamples([admitted(anEvent(1, { input: null }))], 5)).toEqual([]);
  });

  it('fills the allowance with time, but not beyond two seconds’ worth', () => {
    expect(refill(null, 10, 0).tokens).toBe(20);
    expect(refill({ tokens: 0, at: 0 }, 10, 500).tokens).toBe(5);
    expect(refill({ tokens: 5, at: 0 }, 10, 60_000).tokens).toBe(20);
    expect(refill({ tokens: 5, at: 1000 }, 10, 0).tokens).toBe(5);
  });

  it.each([
    [3, 0.95, 10, '3/high'],
    [3, 0.7, 10, '3/mid'],
    [0, 0.2, 10, '0/low'],
    [0, null, 10, '0/none'],
    [12.5, null, null, 'value/none'],
  ])(
    'puts prediction %p with confidence %p of %p classes into stratum %p',
    (prediction, confidence, classes, stratum) => {
      expect(stratumOf(prediction, confidence, classes)).toBe(stratum);
    },
  );
});

describe('stableHash', () => {
  it('gives the same numbers in every release', () => {
    expect(['', 'a', 'r1', 'ä€'].map(stableHash)).toEqual([2_872_998_923, 2_448_022_055, 2_963_121_515, 2_670_707_293]);
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
