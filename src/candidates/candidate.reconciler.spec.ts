import { beforeEach, describe, expect, it } from '@jest/globals';
import { RatchetError } from '../kernel/index.js';
import { FakeClock, ImmediateUnitOfWork, RecordingFactBus } from '../kernel/testing/index.js';
import { FakeModelStore, FakeSampleStore, FakeTriggerOutcomes } from '../jobs/testing/fakes.js';
import { digestOf, SNAPSHOT, T0 } from '../jobs/testing/jobs.js';
import { digitsModel } from '../jobs/testing/model.js';
import type { Snapshot } from '../telemetry/index.js';
import { CandidateReconciler } from './candidate.reconciler.js';
import { type Candidate, CandidateAccepted, CandidateRefused } from './domain/candidate.js';
import { EvaluationUnavailable } from './domain/errors.js';
import { evaluationOf, FakeCandidateStore, FakeEvaluator, pendingCandidate } from './testing/candidates.js';

class NotEnough extends RatchetError {
  readonly code = 'unprocessable';
}

const ID = 'digits-t1-c1';

const heldOut = (rows: number): Snapshot => ({ ...SNAPSHOT, holdout: { ...SNAPSHOT.holdout, rows } });

describe('CandidateReconciler', () => {
  let clock: FakeClock;
  let candidates: FakeCandidateStore;
  let evaluator: FakeEvaluator;
  let samples: FakeSampleStore;
  let outcomes: FakeTriggerOutcomes;
  let facts: RecordingFactBus;
  let reconciler: CandidateReconciler;

  function start(...stored: Candidate[]): void {
    candidates = new FakeCandidateStore(...stored);
    const unitOfWork = new ImmediateUnitOfWork();
    facts = new RecordingFactBus(unitOfWork);
    const models = new FakeModelStore(digitsModel());
    const ports = { models, samples, outcomes, facts, unitOfWork, clock };
    reconciler = new CandidateReconciler(candidates, evaluator, ports, { maxTries: 3, sampleWaitSeconds: 60 });
  }
  const pass = () => reconciler.reconcile(ID);
  const status = async () => (await candidates.require(ID)).status;

  beforeEach(() => {
    clock = new FakeClock(T0);
    evaluator = new FakeEvaluator();
    samples = new FakeSampleStore();
    samples.result = heldOut(32);
    outcomes = new FakeTriggerOutcomes();
    start(pendingCandidate());
  });

  it("evaluates on its job's held-out rows, accepts and tells of it once", async () => {
    expect(await pass()).toEqual({});
    expect(await status()).toMatchObject({ phase: 'Accepted' });
    expect(evaluator.asked).toMatchObject([
      {
        holdout: digestOf('d'),
        versions: { candidate: digestOf('b'), reference: digestOf('a'), champion: digestOf('a') },
      },
    ]);
    expect(samples.asked).toEqual([]);
    await pass();
    expect(facts.of(CandidateAccepted)).toEqual([{ candidate: ID, model: 'digits' }]);
    expect(evaluator.asked).toHaveLength(1);
  });

  it('takes fresh held-out rows when it brings none', async () => {
    start(pendingCandidate({ holdout: null }));
    await pass();
    expect(samples.asked).toEqual([{ since: new Date(T0.getTime() - 3_600_000), replay: 0 }]);
    expect(evaluator.asked[0]!.holdout).toBe(digestOf('d'));
  });

  it('waits for held-out rows and refuses when none come', async () => {
    samples.result = new NotEnough('There are 3 rows.');
    start(pendingCandidate({ holdout: null }));
    expect(await pass()).toEqual({ requeueAfterMs: 2000 });
    clock.advance(61_000);
    await pass();
    expect(await status()).toMatchObject({ phase: 'Refused', reasons: ['There are 3 rows.'] });
  });

  it('waits for more held-out rows where there are too few to judge by', async () => {
    samples.result = heldOut(31);
    start(pendingCandidate({ holdout: null }));
    expect(await pass()).toEqual({ requeueAfterMs: 2000 });
    expect(evaluator.asked).toEqual([]);
    samples.result = heldOut(32);
    await pass();
    expect(await status()).toMatchObject({ phase: 'Accepted' });
  });

  it('refuses with reasons and resolves the trigger', async () => {
    evaluator.result = {
      kind: 'measured',
      evaluation: evaluationOf({ latency: { ...evaluationOf().latency, speedup: 1.31 } }),
    };
    await pass();
    const reason = 'serves 1.31× as fast as the reference, 1.50× is required';
    expect(await status()).toMatchObject({ phase: 'Refused', reasons: [reason] });
    expect(facts.of(CandidateRefused)).toEqual([{ candidate: ID, model: 'digits', reasons: [reason] }]);
    expect(outcomes.resolved).toEqual([{ trigger: 'digits-t1', outcome: 'refused', detail: reason }]);
  });

  it('resolves the trigger only when none of its candidates is left', async () => {
    evaluator.result = { kind: 'refused', reasons: ['it is no model'] };
    start(pendingCandidate(), pendingCandidate({ digest: digestOf('f') }, 'digits-t1-c2'));
    await pass();
    expect(outcomes.resolved).toEqual([]);
    await reconciler.reconcile('digits-t1-c2');
    expect(outcomes.resolved).toHaveLength(1);
  });

  it('resolves nothing for one that was submitted by hand', async () => {
    evaluator.result = { kind: 'refused', reasons: ['it is no model'] };
    start(pendingCandidate({ trigger: null, job: null, submittedBy: 'eve', cause: 'manual' }));
    await pass();
    expect(outcomes.resolved).toEqual([]);
    expect(facts.of(CandidateRefused)).toHaveLength(1);
  });

  it('evaluates again after a crash, on the same rows', async () => {
    start(pendingCandidate({ holdout: null }));
    evaluator.result = new Error('killed here');
    await expect(pass()).rejects.toThrow('killed here');
    expect(await status()).toMatchObject({ phase: 'Evaluating', tries: 1 });
    evaluator.result = { kind: 'measured', evaluation: evaluationOf() };
    await pass();
    expect(await status()).toMatchObject({ phase: 'Accepted' });
    expect(samples.asked).toHaveLength(1);
  });

  it('tries again when the fault is not the candidate’s, and stops trying', async () => {
    evaluator.result = new EvaluationUnavailable(ID, 'the reference is unusable');
    for (const tries of [1, 2]) {
      expect(await pass()).toEqual({ requeueAfterMs: 2000 });
      expect(await status()).toMatchObject({ phase: 'Evaluating', tries });
    }
    expect(await pass()).toEqual({});
    expect(await status()).toMatchObject({
      phase: 'Refused',
      reasons: [expect.stringContaining('the reference is unusable')],
    });
  });

  it('ignores a key that it does not know', async () => {
    expect(await reconciler.reconcile('nobody')).toEqual({});
  });
});
