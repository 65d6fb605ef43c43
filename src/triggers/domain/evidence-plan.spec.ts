import { describe, expect, it } from '@jest/globals';
import { aFinding, later, T0 } from '../testing/index.js';
import type { Attribution } from './attribution.js';
import { MOST_WISHES, planEvidence } from './evidence-plan.js';
import type { TriggerDecision } from './trigger.js';

const unclear: Attribution = { cause: 'unclear', row: 'awaiting-labels', reasons: ['Not clear.'], asks: 'rescore' };
const known = {
  findings: [aFinding('fidelity', 'alarm', { since: later(100) })],
  ...{ current: null, decisions: [], rescoreBatch: 256, labelWaitSeconds: 600, now: later(200) },
};
const asked = (second: number): TriggerDecision => ({
  ...{ model: 'digits', at: later(second), action: 'wait', cause: 'unclear', row: 'awaiting-labels', reasons: [] },
  ...{ until: null, evidence: { samples: 1_024, until: later(second + 60) }, trigger: null },
});

describe('more evidence', () => {
  it('is asked for while a cause is unclear, within bounds and for a time', () => {
    const { wish, reason } = planEvidence(unclear, known);
    expect(wish).toEqual({ samples: 1_024, reason: 'Not clear.', until: later(800) });
    expect(reason).toContain('1024 samples');
    expect(planEvidence(unclear, { ...known, rescoreBatch: 100_000 }).wish?.samples).toBe(4_096);
    expect(planEvidence(unclear, { ...known, labelWaitSeconds: 1 }).wish?.until).toEqual(later(260));
    expect(planEvidence(unclear, { ...known, labelWaitSeconds: 1e6 }).wish?.until).toEqual(later(3_800));
  });

  it.each<[string, Partial<Attribution>]>([
    ['the cause is clear', { cause: 'compression-damage', asks: null }],
    ['the row asks for nothing', { row: 'unseen', asks: null }],
  ])('is not asked for when %s', (_, changes) => {
    expect(planEvidence({ ...unclear, ...changes }, known)).toEqual({ wish: null, reason: null });
  });

  it('is not asked for twice at a time, and the same is said meanwhile', () => {
    const { wish, reason } = planEvidence(unclear, known);
    expect(planEvidence(unclear, { ...known, current: wish })).toEqual({ wish: null, reason });
  });

  it('is asked for so often at most for one alarm; those before it do not count', () => {
    const before = [asked(99), asked(98), asked(97), asked(T0.getTime() / 1e12)];
    expect(planEvidence(unclear, { ...known, decisions: before }).wish).not.toBeNull();
    const since = Array.from({ length: MOST_WISHES }, (_, n) => asked(150 + n));
    const plan = planEvidence(unclear, { ...known, decisions: [...since, ...before] });
    expect(plan.wish).toBeNull();
    expect(plan.reason).toContain('a person may look');
  });
});
