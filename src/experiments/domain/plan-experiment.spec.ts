import { describe, expect, it } from '@jest/globals';
import { evaluationOf, pendingCandidate } from '../../candidates/testing/candidates.js';
import { T0 } from '../testing/index.js';
import { disagreementOf, marginOf, type PlanInputs, planExperiment } from './plan-experiment.js';
import { NO_TRAFFIC_SEEN } from './reckon.js';

const LATENCY = [
  { low: 4, high: 5, count: 600 },
  { low: 5, high: 6, count: 300 },
  { low: 9, high: 10, count: 80 },
  { low: 19, high: 20, count: 20 },
];

const share = (value: number) => ({ value, samples: 400 });

function inputs(over: Partial<PlanInputs> = {}) {
  const candidate = pendingCandidate();
  const policy = { margin: 0.01, alpha: 0.05, mirrorFraction: 1, maxSamples: 6_000, maxSeconds: 120 };
  return {
    ...{ candidate, policy, evaluation: evaluationOf(), allowance: 0.02, now: T0 },
    traffic: NO_TRAFFIC_SEEN,
    championReference: candidate.spec.reference,
    ...over,
  } satisfies PlanInputs;
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

  describe('reckons before it begins', () => {
    const busy = { requestsPerSecond: 50, labelledShare: 0.5, errorRatio: 0.001, latency: LATENCY };

    it('the pairs and the time that an equal candidate needs, from the disagreement that was measured', () => {
      const { plan, objection } = planExperiment(inputs({ traffic: busy })).spec;
      expect(objection).toBeNull();
      expect(plan?.disagreement).toBeCloseTo(0.011, 3);
      expect(plan?.samples).toBeGreaterThan(900);
      expect(plan?.samples).toBeLessThan(1_700);
      expect(plan?.seconds).toBe(Math.ceil((plan?.samples ?? 0) / 50));
    });

    it('knows no time without traffic, and refuses nothing for it', () => {
      const { plan, objection } = planExperiment(inputs()).spec;
      expect(plan).toMatchObject({ requestsPerSecond: null, seconds: null });
      expect(objection).toBeNull();
    });

    it('and refuses what maxSamples cannot decide, with the samples that would be enough and the margin that is decidable', () => {
      const policy = { ...inputs().policy, maxSamples: 600 };
      const { plan, objection } = planExperiment(inputs({ policy })).spec;
      expect(objection).toContain(`under-powered: ${plan?.samples} samples are needed`);
      const decidable = /smallest decidable margin is (\d\.\d\d) points/.exec(objection ?? '')?.[1];
      expect(Number(decidable)).toBeGreaterThan(1);
      const enough = { ...policy, margin: (Number(decidable) + 0.01) / 100 };
      expect(planExperiment(inputs({ policy: enough })).spec.objection).toBeNull();
    });

    it('and refuses what this traffic cannot decide in time, with the days it takes', () => {
      const policy = { ...inputs().policy, maxSeconds: 86_400 };
      const { objection } = planExperiment(inputs({ policy, traffic: { ...busy, requestsPerSecond: 0.004 } })).spec;
      expect(objection).toMatch(/under-powered: at this traffic \(0\.0040 requests a second\).* take 3\.\d days/);
    });

    it('counts only labelled requests where only labels are right', () => {
      const candidate = pendingCandidate({ cause: 'world-changed' });
      const { plan } = planExperiment(inputs({ candidate, traffic: { ...busy, labelledShare: 0.1 } })).spec;
      expect(plan?.seconds).toBe(Math.ceil((plan?.samples ?? 0) / 5));
    });

    it('lets a candidate through to its test that is so much worse or better that few pairs show it', () => {
      const apart = { candidate: share(0.7), champion: share(0.98) };
      const policy = { ...inputs().policy, maxSamples: 1_500 };
      const accuracy = { candidate: share(0.68), reference: share(0.97), champion: share(0.96) };
      const evaluation = evaluationOf({ agreement: apart, accuracy });
      expect(disagreementOf(evaluation)).toBeCloseTo(0.32, 2);
      expect(planExperiment(inputs({ policy, evaluation })).spec.objection).toBeNull();
    });
  });

  describe('live', () => {
    const traffic = { requestsPerSecond: 50, labelledShare: 0.5, errorRatio: 0.001, latency: LATENCY };
    const live = (over = {}) => ({
      ...inputs().policy,
      ...{ mode: 'live' as const, margin: 0.05, maxSamples: 1e6, maxSeconds: 1e6 },
      ...over,
    });

    it('splits one alpha over quality, errors and latency by their weights', () => {
      const { metrics, alpha } = planExperiment(inputs({ policy: live(), allowance: 0.05, traffic })).spec;
      expect(metrics.map((metric) => [metric.name, metric.alpha])).toEqual([
        ['quality', 0.025],
        ['errors', 0.0125],
        ['latency', 0.0125],
      ]);
      expect(metrics.reduce((sum, metric) => sum + metric.alpha, 0)).toBeCloseTo(alpha, 12);
    });

    it('asks only what the policy asks', () => {
      const { metrics } = planExperiment(inputs({ policy: live({ errors: null, latency: null }) })).spec;
      expect(metrics).toMatchObject([{ name: 'quality', alpha: 0.05 }]);
    });

    it('reckons every metric and takes the one that needs most', () => {
      const { plan, objection } = planExperiment(inputs({ policy: live(), allowance: 0.05, traffic })).spec;
      expect(objection).toBeNull();
      expect(plan?.metrics.map(({ name }) => name)).toEqual(['quality', 'errors', 'latency']);
      expect(plan?.samples).toBe(Math.max(...(plan?.metrics ?? []).map(({ samples }) => samples ?? 0)));
      expect(plan?.samples).toBeGreaterThan(500);
    });

    it.each([
      [{ latency: { quantile: 0.95 as const, maxRatio: 1, maxAddedMs: 0, weight: 1 } }, 'latency'],
      [{ errors: { maxRatio: 1, maxAdded: 0, weight: 1 } }, 'errors'],
    ])('refuses a bound that leaves an equal candidate no room: %p', (over, name) => {
      const { objection } = planExperiment(inputs({ policy: live(over), traffic })).spec;
      expect(objection).toContain(`the metric ${name} can never be proven`);
    });

    it('is refused where the built-in gateway does not split the traffic', () => {
      const target = { kind: 'kserve' as const, namespace: 'a', name: 'b' };
      const { objection } = planExperiment(inputs({ policy: live(), target })).spec;
      expect(objection).toContain('built-in gateway');
      expect(planExperiment(inputs({ target })).spec.objection).toBeNull();
    });
  });
});
