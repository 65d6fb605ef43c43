import { describe, expect, it } from '@jest/globals';
import { evaluationOf, pendingCandidate } from '../testing/candidates.js';
import { achievementOf } from './achievement.js';

describe('what a trigger achieved', () => {
  const candidate = pendingCandidate();

  it('is the candidate with its figures, and the promotion when there was one', () => {
    const accepted = { ...candidate, status: { phase: 'Accepted', evaluation: evaluationOf() } } as const;
    expect(achievementOf(accepted, 'promotions', 'digits-t1-c1-p')).toEqual({
      ...{ decidedBy: 'promotions', candidate: 'digits-t1-c1', version: candidate.spec.digest },
      promotion: 'digits-t1-c1-p',
      figures: {
        accuracy: { champion: 0.9725, candidate: 0.97, reference: 0.9725 },
        agreement: { champion: 1, candidate: 0.99 },
        ...{ sizeRatio: 123 / 342, speedup: 2, overChampion: 2 },
      },
    });
  });

  it('has no accuracy without labels, and no figures without an evaluation', () => {
    const evaluation = evaluationOf({ accuracy: null });
    const refused = { ...candidate, status: { phase: 'Refused', reasons: ['too large'], evaluation } } as const;
    expect(achievementOf(refused, 'candidates').figures?.accuracy).toBeNull();
    const unmeasured = { ...refused, status: { ...refused.status, evaluation: null } };
    expect(achievementOf(unmeasured, 'candidates')).toMatchObject({ figures: null, promotion: null });
    expect(achievementOf(candidate, 'rollouts').figures).toBeNull();
  });
});
