import { describe, expect, it } from '@jest/globals';
import { evaluationOf, pendingCandidate } from '../../candidates/testing/candidates.js';
import { T0 } from '../testing/index.js';
import { marginOf, type PlanInputs, planExperiment } from './plan-experiment.js';

const share = (value: number) => ({ value, samples: 400 });

function inputs(over: Partial<PlanInputs> = {}): PlanInputs {
  const candidate = pendingCandidate();
  const policy = { margin: 0.01, alpha: 0.05, mirrorFraction: 1, maxSamples: 6_000, maxSeconds: 120 };
  return {
    ...{ candidate, policy, evaluation: evaluationOf(), allowance: 0.02, now: T0 },
    championReference: candidate.spec.reference,
    ...over,
  };
}

describe('planExperiment', () => {
  it('takes the margin of the policy while the budget allows it', () => {
    expect(planExperiment(inputs()).spec).toMatchObject({ margin: 0.01, alpha: 0.05, maxSamples: 6_000 });
  });

  it('tests against what the ledger leaves when that is less', () => {
    expect(marginOf(inputs({ allowance: 0.004 }))).toBe(0.004);
  });

  it('has no margin left when the budget is used up', () => {
    expect(marginOf(inputs({ allowance: 0 }))).toBe(0);
  });

  it('counts what the candidate regains of a damaged champion', () => {
    const accuracy = { candidate: share(0.97), reference: share(0.975), champion: share(0.9) };
    expect(marginOf(inputs({ allowance: 0, evaluation: evaluationOf({ accuracy }) }))).toBe(0.01);
  });

  it('trusts the reference where there is no label', () => {
    expect(planExperiment(inputs()).spec.truth).toBe('labels-or-reference');
  });

  it('trusts labels only when the world has changed', () => {
    expect(planExperiment(inputs({ candidate: pendingCandidate({ cause: 'world-changed' }) })).spec.truth).toBe(
      'labels',
    );
  });

  it('trusts labels only when the candidate has another reference than the champion', () => {
    expect(planExperiment(inputs({ championReference: pendingCandidate().spec.digest })).spec.truth).toBe('labels');
  });

  it('trusts the reference for a candidate that was submitted by hand', () => {
    const candidate = pendingCandidate({ cause: 'manual', trigger: null, job: null, submittedBy: 'ann' }, 'digits-m1');
    expect(planExperiment(inputs({ candidate }))).toMatchObject({
      id: 'digits-m1-x',
      spec: { truth: 'labels-or-reference' },
    });
  });
});
