import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { hasWeights, type Pair, sharedPercent, weightOperations, weightsFor } from './pair.js';

function aPair(stable: number, candidate: number, others = 0, isWritten = true): Pair {
  const placed = (name: string, weight: number, place: number) => ({
    ...{ path: ['spec', 'rules', 0, 'backendRefs', place], value: { name, weight }, weight, isWritten },
  });
  return {
    ...{ rule: 'rule 0', stable: placed('a', stable, 0), candidate: placed('b', candidate, 1), others, tests: [] },
  };
}
const weight = fc.integer({ min: 0, max: 1_000_000 });
const percent = fc.integer({ min: 0, max: 100 });

describe('the weights of two backends', () => {
  it.each([
    ['alone, they get 100 together', aPair(1, 1), 10, { stable: 90, candidate: 10 }],
    ['alone without any weight too', aPair(0, 0), 25, { stable: 75, candidate: 25 }],
    ['beside others, their sum stays', aPair(40, 0, 60), 50, { stable: 20, candidate: 20 }],
    ['nothing for the candidate is always possible', aPair(1, 2, 5), 0, { stable: 3, candidate: 0 }],
  ])('%s', (_, pair, wanted, weights) => {
    expect(weightsFor(pair, wanted)).toEqual(weights);
  });

  it.each([
    [aPair(2, 1, 1), 10, /10 % of the pair's weight 3 is no whole number; multiply all weights of the rule by 100/],
    [aPair(25, 25, 1), 5, /multiply all weights of the rule by 2\./],
    [aPair(0, 0, 1), 10, /neither of the two backends has any weight/],
  ])('say what is in the way', (pair, wanted, reason) => {
    expect(weightsFor(pair, wanted)).toMatch(reason);
  });

  it('either give exactly the share that was asked, without touching what the others get, or refuse', () => {
    fc.assert(
      fc.property(weight, weight, weight, percent, (stable, candidate, others, wanted) => {
        const given = weightsFor(aPair(stable, candidate, others), wanted);
        if (typeof given === 'string') return others > 0 && wanted > 0;
        const sum = given.stable + given.candidate;
        if (others > 0 && sum !== stable + candidate) return false;
        return sum === 0 ? wanted === 0 : Math.abs((given.candidate * 100) / sum - wanted) < 1e-9;
      }),
    );
  });

  it('refused, fit after the weights were multiplied as the refusal says', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000 }),
        weight,
        fc.integer({ min: 1, max: 50 }),
        percent,
        (a, b, others, wanted) => {
          const refusal = weightsFor(aPair(a, b, others), wanted);
          const by = typeof refusal === 'string' ? Number(/by (\d+)\./.exec(refusal)![1]) : 1;
          return typeof weightsFor(aPair(a * by, b * by, others * by), wanted) !== 'string';
        },
      ),
    );
  });

  it('are tested as they were read, and written only where they differ', () => {
    const operations = weightOperations(aPair(90, 10), { stable: 90, candidate: 20 });
    expect(operations).toEqual([
      { op: 'test', path: '/spec/rules/0/backendRefs/0', value: { name: 'a', weight: 90 } },
      { op: 'test', path: '/spec/rules/0/backendRefs/1', value: { name: 'b', weight: 10 } },
      { op: 'add', path: '/spec/rules/0/backendRefs/1/weight', value: 20 },
    ]);
    const unwritten = weightOperations(aPair(1, 1, 0, false), { stable: 1, candidate: 1 });
    expect(unwritten.filter(({ op }) => op === 'add')).toHaveLength(2);
    expect(hasWeights(aPair(90, 10), { stable: 90, candidate: 10 })).toBe(true);
  });

  it.each([
    [[aPair(75, 25)], 25, null],
    [[aPair(75, 25), aPair(3, 1)], 25, null],
    [[aPair(75, 25), aPair(50, 50)], null, /disagree: rule 0 gives 25 %, rule 0 gives 50 %/],
    [[aPair(0, 0)], null, /both backends have the weight 0/],
    [[], null, /No rule/],
    [[aPair(75, 25, 100)], 25, /take 50 % of its requests; the candidate gets 12.5 % of all/],
  ])('of several rules say one share or why there is none', (pairs, wanted, reason) => {
    const { percent: said, reason: why } = sharedPercent(pairs);
    expect(said).toBe(wanted);
    if (reason === null) expect(why).toBeNull();
    else expect(why).toMatch(reason);
  });
});
