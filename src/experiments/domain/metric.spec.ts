import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Verdict } from '../../kernel/index.js';
import { overall, splitAlpha, verdictOf } from './metric.js';

type Each = Exclude<Verdict, 'INVALID'>;
const of = (...verdicts: Each[]) => verdicts.map((verdict) => ({ verdict }));

describe('the verdict over all metrics', () => {
  it.each([
    ['every metric passed', of('PASS', 'PASS'), 'PASS'],
    ['one has not yet', of('PASS', 'UNDECIDED'), null],
    ['one saw nothing', of('PASS', 'BLIND'), null],
    ['harm is proven for one', of('PASS', 'UNDECIDED', 'FAIL'), 'FAIL'],
    ['nothing is asked', of(), null],
  ])('when %s', (_, metrics, expected) => {
    expect(overall(metrics)).toBe(expected);
  });

  it('passes only when all pass, whatever the verdicts', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom<Each[]>('PASS', 'FAIL', 'UNDECIDED', 'BLIND')), (verdicts) => {
        if (overall(of(...verdicts)) === 'PASS') expect(new Set(verdicts)).toEqual(new Set(['PASS']));
      }),
    );
  });
});

describe('the alpha budget', () => {
  it('is split by weights and spent whole', () => {
    expect(splitAlpha(0.05, [2, 1, 1])).toEqual([0.025, 0.0125, 0.0125]);
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0.01, max: 100, noNaN: true }), { minLength: 1, maxLength: 8 }),
        (weights) => {
          const levels = splitAlpha(0.05, weights);
          expect(levels.reduce((sum, level) => sum + level, 0)).toBeCloseTo(0.05, 10);
        },
      ),
    );
    expect(() => splitAlpha(0.05, [1, 0])).toThrow(RangeError);
  });
});

describe('the verdict of one metric', () => {
  const read = { samples: 10, wealthPass: 1, wealthFail: 1, proofAt: 20 };
  it.each<[string, Each, Partial<typeof read>, Each]>([
    ['is blind without samples', 'UNDECIDED', { samples: 0 }, 'BLIND'],
    ['is undecided with some', 'UNDECIDED', {}, 'UNDECIDED'],
    ['passes at the proof', 'UNDECIDED', { wealthPass: 20 }, 'PASS'],
    ['fails at the opposite one', 'UNDECIDED', { wealthFail: 21 }, 'FAIL'],
    ['stays passed when the wealth falls again', 'PASS', { wealthPass: 0 }, 'PASS'],
    ['stays failed', 'FAIL', { wealthPass: 30 }, 'FAIL'],
  ])('%s', (_, before, over, expected) => {
    expect(verdictOf(before, { ...read, ...over })).toBe(expected);
  });
});
