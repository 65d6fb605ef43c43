import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../kernel/index.js';
import type { Cause } from '../../triggers/index.js';
import { evaluationOf } from '../testing/candidates.js';
import { digestOf, T0 } from '../../jobs/testing/jobs.js';
import type { MeasuredEvaluation } from './candidate.js';
import { judge } from './judge.js';

const OBJECTIVES = {
  qualityBudget: { metric: 'accuracy', maxLoss: 0.01 },
  minAgreement: 0.97,
  maxSizeRatio: 0.4,
  minSpeedup: 1.5,
  latencyP95Ms: 50,
  maxErrorRatio: 0.01,
  maxCostPerThousand: null,
} as const;
const rows = (total: number, labelled: number) => ({
  digest: digestOf('d'),
  rows: total,
  labelled,
  from: T0,
  until: T0,
});
const latency = (speedup: number, overChampion: number) => ({ ...evaluationOf().latency, speedup, overChampion });

describe('judge', () => {
  it.each<[string, Partial<MeasuredEvaluation>, Cause]>([
    ['a good candidate', {}, 'no-compressed-champion'],
    [
      'a loss above the budget that few rows cannot show',
      { paired: { samples: 60, lost: 2, gained: 0 } },
      'world-changed',
    ],
    ['a gain', { paired: { samples: 400, lost: 2, gained: 40 } }, 'world-changed'],
    [
      'an agreement below its floor that few rows cannot show',
      { agreement: { candidate: { value: 0.95, samples: 40 }, champion: { value: 1, samples: 40 } } },
      'manual',
    ],
    [
      'one that is no faster than a champion which is fast enough',
      { latency: latency(1.6, 0.9) },
      'compression-damage',
    ],
    ['no labels at all', { accuracy: null, noiseAccuracy: null, paired: null }, 'no-compressed-champion'],
  ])('accepts %s', (_name, over, cause) => {
    expect(judge(evaluationOf(over), OBJECTIVES, cause)).toMatchObject({ kind: 'accepted' });
  });

  it.each<[string, Partial<MeasuredEvaluation>, Cause, string]>([
    [
      'a plain loss',
      { paired: { samples: 400, lost: 16, gained: 2 } },
      'world-changed',
      'answers 3.5 points fewer right than the reference on 400 labelled rows, 1.0 are allowed',
    ],
    [
      'a disaster, however few the rows',
      { dataset: rows(40, 10), paired: { samples: 10, lost: 6, gained: 0 } },
      'manual',
      'answers 60.0 points fewer right than the reference on 10 labelled rows, 1.0 are allowed',
    ],
    [
      'an unfaithful one',
      { agreement: { candidate: { value: 0.9, samples: 500 }, champion: { value: 1, samples: 500 } } },
      'manual',
      'agrees with the reference on 90.0 % of 500 rows, 97.0 % is required',
    ],
    [
      'a large one',
      { size: { candidateBytes: 200_000, referenceBytes: 342_000, ratio: 200 / 342 } },
      'manual',
      "has 58.5 % of the reference's size (200000 bytes), 40.0 % is allowed",
    ],
    [
      'a slow one',
      { latency: latency(1.31, 1.31) },
      'no-compressed-champion',
      'serves 1.31× as fast as the reference, 1.50× is required',
    ],
    [
      'no remedy for latency',
      { latency: latency(1.6, 0.98) },
      'latency',
      'serves 0.98× as fast as the champion, which is too slow already',
    ],
    [
      'too few rows to say anything',
      { dataset: rows(31, 31) },
      'manual',
      'there are 31 held-out rows, 32 are required',
    ],
  ])('refuses %s', (_name, over, cause, reason) => {
    expect(judge(evaluationOf(over), OBJECTIVES, cause)).toMatchObject({ kind: 'refused', reasons: [reason] });
  });

  it('refuses a tiny perceptron for its latency although its size passes', () => {
    // A perceptron 20-64-64-3 with static INT8: half the bytes, but the quantize nodes cost more than the small products save.
    const tiny = evaluationOf({
      size: { candidateBytes: 13_700, referenceBytes: 29_500, ratio: 13_700 / 29_500 },
      latency: {
        candidateMs: 0.006 / 0.74,
        referenceMs: 0.006,
        championMs: 0.006,
        speedup: 0.74,
        overChampion: 0.74,
        rounds: 40,
      },
    });
    expect(judge(tiny, { ...OBJECTIVES, maxSizeRatio: 0.5 }, 'no-compressed-champion')).toMatchObject({
      kind: 'refused',
      reasons: ['serves 0.74× as fast as the reference, 1.50× is required'],
    });
  });

  it('gives every reason, not only the first', () => {
    const bad = evaluationOf({
      paired: { samples: 400, lost: 100, gained: 0 },
      agreement: { candidate: { value: 0.7, samples: 500 }, champion: { value: 1, samples: 500 } },
      size: { candidateBytes: 1, referenceBytes: 1, ratio: 1 },
      latency: latency(1, 1),
    });
    const judgement = judge(bad, OBJECTIVES, 'latency');
    expect(judgement.kind === 'refused' && judgement.reasons).toHaveLength(5);
  });

  it('warns of a candidate that noise hurts more than its reference, and of thin evidence', () => {
    const fragile = evaluationOf({
      dataset: rows(500, 120),
      noiseAccuracy: { candidate: { value: 0.9, samples: 120 }, reference: { value: 0.96, samples: 120 } },
    });
    expect(judge(fragile, OBJECTIVES, 'manual')).toEqual({
      kind: 'accepted',
      warnings: [
        '120 labelled rows are too few to see a loss of a point; the experiment has to',
        'loses 6.0 points against the reference under noise, 0.3 without',
      ],
    });
  });

  it.each([40, 100, 400, 1000])(
    'refuses a candidate just within its budget in at most about one of twenty samples of %d rows',
    (samples) => {
      expect(refusals(samples, 0.03, 0.02, 1500)).toBeLessThanOrEqual(0.065);
    },
  );

  it('refuses a candidate that loses eight points on nearly every sample of 400 rows', () => {
    expect(refusals(400, 0.09, 0.01, 300)).toBeGreaterThan(0.99);
  });
});

/** Share of refusals when each row is lost or gained with these probabilities. */
function refusals(samples: number, lose: number, gain: number, runs: number): number {
  const random = seededRandom(7);
  let refused = 0;
  for (let run = 0; run < runs; run += 1) {
    let [lost, gained] = [0, 0];
    for (let row = 0; row < samples; row += 1) {
      const chance = random();
      if (chance < lose) lost += 1;
      else if (chance < lose + gain) gained += 1;
    }
    const judgement = judge(evaluationOf({ paired: { samples, lost, gained } }), OBJECTIVES, 'manual');
    if (judgement.kind === 'refused') refused += 1;
  }
  return refused / runs;
}
