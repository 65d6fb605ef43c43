import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { PairedAnswer } from '../../telemetry/index.js';
import { T0 } from '../testing/index.js';
import { pickEntrants } from './enter-pairs.js';

const pair = (requestId: string, second: number, label: number | null, candidate = 1): PairedAnswer => ({
  ...{ requestId, at: new Date(T0.getTime() + second * 1000), champion: 1, candidate, label },
  sequence: label === null ? null : second,
});

const OPTIONS = {
  ...({ truth: 'labels-or-reference', room: 100, unlabelledAfterMs: 5_000 } as const),
  now: new Date(T0.getTime() + 10_000),
};

const ids = (of: readonly { requestId: string }[]) => of.map(({ requestId }) => requestId);

describe('pickEntrants', () => {
  it('lets labelled pairs in at once and judges them by their label', () => {
    const { labelled } = pickEntrants([pair('a', 9, 1, 2), pair('b', 9, 2, 2), pair('c', 9, 1)], new Set(), OPTIONS);
    expect(labelled.map(({ difference, truth }) => [difference, truth])).toEqual([
      [-1, 'label'],
      [1, 'label'],
      [0, 'label'],
    ]);
  });

  it('lets an unlabelled pair wait for its label for a fixed time', () => {
    const { unlabelled } = pickEntrants([pair('old', 5, null), pair('young', 6, null)], new Set(), OPTIONS);
    expect(ids(unlabelled)).toEqual(['old']);
  });

  it('never takes an unlabelled pair when only labels count', () => {
    expect(pickEntrants([pair('old', 0, null)], new Set(), { ...OPTIONS, truth: 'labels' }).unlabelled).toEqual([]);
  });

  it('judges no request twice, even when its label comes after the reference has spoken', () => {
    const picked = pickEntrants([pair('a', 0, 2)], new Set(['a']), OPTIONS);
    expect(picked).toEqual({ labelled: [], unlabelled: [] });
  });

  it('takes no more labelled pairs than there is room for', () => {
    const pairs = [pair('a', 0, 1), pair('b', 0, 1), pair('c', 0, 1)];
    expect(ids(pickEntrants(pairs, new Set(), { ...OPTIONS, room: 2 }).labelled)).toEqual(['a', 'b']);
  });

  it('picks the same pairs in the same order whatever the two sides answered', () => {
    const shape = fc.record({
      second: fc.nat(10),
      label: fc.option(fc.nat(2)),
      answers: fc.tuple(fc.nat(2), fc.nat(2)),
    });
    fc.assert(
      fc.property(fc.array(shape, { maxLength: 30 }), (shapes) => {
        const real = shapes.map(({ second, label, answers }, n) => ({
          ...pair(`r${n}`, second, label),
          champion: answers[0],
          candidate: answers[1],
        }));
        const blank = real.map((each) => ({ ...each, champion: 0, candidate: 0 }));
        const [a, b] = [real, blank].map((pairs) => pickEntrants(pairs, new Set(), OPTIONS));
        expect([ids(a!.labelled), ids(a!.unlabelled)]).toEqual([ids(b!.labelled), ids(b!.unlabelled)]);
      }),
    );
  });
});
