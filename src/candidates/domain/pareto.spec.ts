import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { evaluationOf, pendingCandidate } from '../testing/candidates.js';
import type { Candidate } from './candidate.js';
import { dominates, paretoPoints } from './pareto.js';

function evaluated(id: string, bytes: number, speedup: number, accuracy: number | null): Candidate {
  const base = evaluationOf();
  const share = (value: number) => ({ value, samples: 400 });
  return {
    ...pendingCandidate({}, id),
    status: {
      phase: 'Accepted',
      evaluation: evaluationOf({
        size: { candidateBytes: bytes, referenceBytes: 1000, ratio: bytes / 1000 },
        latency: { ...base.latency, speedup },
        accuracy:
          accuracy === null ? null : { candidate: share(accuracy), reference: share(0.98), champion: share(0.98) },
        agreement: { candidate: share(0.95), champion: share(1) },
      }),
    },
  };
}

describe('paretoPoints', () => {
  it('marks what nothing else beats in size, speed and quality', () => {
    const points = paretoPoints([
      evaluated('small', 100, 2, 0.96),
      evaluated('fast', 200, 4, 0.96),
      evaluated('good', 300, 2, 0.98),
      evaluated('beaten', 310, 1.9, 0.97),
      evaluated('unlabelled', 400, 1, null),
    ]);
    expect(points.map((point) => [point.candidate, point.nonDominated])).toEqual([
      ['small', true],
      ['fast', true],
      ['good', true],
      ['beaten', false],
      ['unlabelled', false],
    ]);
    expect(points[0]).toMatchObject({
      sizeBytes: 100,
      speedup: 2,
      accuracy: 0.96,
      quality: 0.96 - 0.98,
      phase: 'Accepted',
    });
    expect(points[4]!.quality).toBeCloseTo(-0.05);
  });

  it('keeps equals, and leaves out what was never measured', () => {
    const refused: Candidate = {
      ...pendingCandidate(),
      status: { phase: 'Refused', reasons: ['x'], evaluation: null },
    };
    const points = paretoPoints([evaluated('a', 1, 1, 0.9), evaluated('b', 1, 1, 0.9), refused, pendingCandidate()]);
    expect(points.map((point) => point.nonDominated)).toEqual([true, true]);
  });

  it('finds a front that covers everything beside it', () => {
    const axis = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(fc.array(fc.tuple(axis, axis, axis), { minLength: 1, maxLength: 12 }), (drawn) => {
        const points = paretoPoints(
          drawn.map(([bytes, speed, quality], i) => evaluated(`c${i}`, bytes, speed, quality / 10)),
        );
        const front = points.filter((point) => point.nonDominated);
        expect(front.length).toBeGreaterThan(0);
        for (const point of points) {
          expect(point.nonDominated).toBe(!points.some((other) => dominates(other, point)));
          if (!point.nonDominated) expect(front.some((other) => dominates(other, point))).toBe(true);
        }
      }),
    );
  });
});
