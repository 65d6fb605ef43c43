import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { evaluationOf, FakeCandidateStore, pendingCandidate } from '../candidates/testing/candidates.js';
import { FakeTriggerOutcomes } from '../jobs/testing/fakes.js';
import { FakeClock, ImmediateUnitOfWork, RecordingFactBus, RecordingWorkQueue } from '../kernel/testing/index.js';
import { FakeChampionHistory, FakeChangeLock, FakeModelStore, someSpec } from '../models/testing/index.js';
import { setLogLevel } from '../platform/observability/index.js';
import { aRoute, FakeRouteStore } from '../serving/testing/index.js';
import { ExperimentConcluded } from './domain/experiment.js';
import { ExperimentEndings } from './experiment-endings.js';
import { ExperimentIntake } from './experiment-intake.js';
import { ExperimentReconciler } from './experiment.reconciler.js';
import { PairEntry } from './pair-entry.js';
import {
  aPair,
  CANDIDATE,
  CHAMPION,
  FakeAllowance,
  FakeAnswerLedger,
  FakeExperimentStore,
  FakeInputs,
  FakePairLog,
  FakeScorer,
  OTHER,
} from './testing/index.js';

const ID = 'digits-t1-c1-x';
const NOBODY = { accuracy: null, labelled: 0, agreement: null, compared: 0, referenceAccuracy: null };

describe('ExperimentReconciler', () => {
  let world: ReturnType<typeof newWorld>;
  beforeAll(() => setLogLevel('silent'));
  beforeEach(async () => {
    world = newWorld();
    await world.champions.begin({ ...world.champion(CHAMPION), promotion: null });
    await world.intake.open('digits-t1-c1');
  });

  it('waits while another change holds the lock, and says so', async () => {
    await world.lock.acquire('digits', 'digits-t0-c1');
    await world.pass();
    expect((await world.status()).phase).toBe('Waiting');
    expect(world.routes.routes.get('digits')?.mirror).toBeNull();
  });

  it('mirrors requests to the candidate while it runs and gives it no traffic', async () => {
    await world.pass();
    await world.pass();
    expect(world.routes.routes.get('digits')).toMatchObject({
      stable: CHAMPION,
      mirror: CANDIDATE,
      candidate: null,
      weight: 0,
    });
  });

  it('passes an equal candidate, keeps the lock for the rollout and stops mirroring', async () => {
    await world.pass();
    world.ledger.answers = Array.from({ length: 400 }, (_, n) => aPair(`r${n}`, 1, 1, 1));
    await world.pass();
    expect(await world.status()).toMatchObject({ phase: 'Concluded', verdict: 'PASS' });
    expect(world.facts.of(ExperimentConcluded)).toMatchObject([{ experiment: ID, verdict: 'PASS' }]);
    expect(await world.lock.holder('digits')).toBe('digits-t1-c1');
    expect(world.routes.routes.get('digits')?.mirror).toBeNull();
    expect(world.outcomes.resolved).toEqual([]);
  });

  it('refuses a harmful candidate, gives the lock back and resolves the trigger', async () => {
    await world.pass();
    world.ledger.answers = Array.from({ length: 400 }, (_, n) => aPair(`r${n}`, 1, 2, 1));
    await world.pass();
    expect(await world.status()).toMatchObject({ verdict: 'FAIL' });
    expect(await world.lock.holder('digits')).toBeNull();
    expect(world.outcomes.resolved).toMatchObject([{ trigger: 'digits-t1', outcome: 'refused' }]);
  });

  it('does not charge blindness to the candidate', async () => {
    await world.pass();
    world.clock.advance(3_600_000);
    await world.pass();
    expect(await world.status()).toMatchObject({ verdict: 'BLIND' });
    expect(world.outcomes.resolved).toMatchObject([{ outcome: 'failed' }]);
  });

  it('is invalid when the champion has changed meanwhile', async () => {
    await world.champions.begin({ ...world.champion(OTHER), promotion: 'digits-m1-p' });
    await world.pass();
    expect(await world.status()).toMatchObject({ verdict: 'INVALID' });
    expect(world.outcomes.resolved).toMatchObject([{ outcome: 'cancelled' }]);
  });

  it('judges unlabelled pairs by the reference once their label had its time', async () => {
    await world.pass();
    world.ledger.answers = Array.from({ length: 300 }, (_, n) => aPair(`r${n}`, 1, 1, null, world.clock.now()));
    await world.pass();
    expect(world.log.pairs).toEqual([]);
    world.clock.advance(6_000);
    await world.pass();
    await world.pass();
    expect(world.log.pairs).toHaveLength(300);
    expect(world.log.pairs.every((pair) => pair.truth === 'reference' && pair.difference === 0)).toBe(true);
  });

  it('goes on with labelled pairs while the reference cannot be asked', async () => {
    await world.pass();
    world.scorer.away = true;
    world.ledger.answers = [aPair('a', 1, 1, 1), aPair('b', 1, 1, null)];
    world.clock.advance(6_000);
    await world.pass();
    expect(world.log.pairs.map((pair) => pair.requestId)).toEqual(['a']);
  });

  it('is not held up by requests whose input was not kept', async () => {
    await world.pass();
    const lost = Array.from({ length: 300 }, (_, n) => aPair(`lost${n}`, 1, 1, null));
    world.ledger.answers = [...lost, aPair('kept', 1, 1, null)];
    world.samples.keeps = (id) => !id.startsWith('lost');
    world.clock.advance(6_000);
    await world.pass();
    expect(world.log.pairs.map((pair) => pair.requestId)).toEqual(['kept']);
  });

  it('keeps the order in which pairs entered when labels arrive later', async () => {
    await world.pass();
    world.ledger.answers = [aPair('late', 1, 1, null), aPair('a', 1, 1, 1)];
    world.clock.advance(6_000);
    await world.pass();
    world.ledger.answers = [aPair('b', 1, 1, 1), aPair('late', 1, 2, 2), aPair('a', 1, 1, 1)];
    await world.pass();
    expect(world.log.pairs.map((pair) => pair.requestId)).toEqual(['a', 'late', 'b']);
  });

  it('says the same again when the pass that concluded died before it could save', async () => {
    await world.pass();
    world.ledger.answers = Array.from({ length: 400 }, (_, n) => aPair(`r${n}`, 1, 1, 1));
    world.experiments.failNextSave = true;
    await expect(world.pass()).rejects.toThrow('died');
    expect((await world.status()).phase).toBe('Running');
    await world.pass();
    expect(await world.status()).toMatchObject({ verdict: 'PASS', reading: { pairs: expect.any(Number) } });
    expect(world.facts.of(ExperimentConcluded)).toHaveLength(1);
  });

  it('plans once, whatever the budget says later', async () => {
    world.allowance.left = 0;
    await world.intake.open('digits-t1-c1');
    expect((await world.experiments.require(ID)).spec.margin).toBe(0.01);
  });

  it('refuses to test when the budget is used up', async () => {
    world = newWorld();
    world.allowance.left = 0;
    await world.champions.begin({ ...world.champion(CHAMPION), promotion: null });
    await world.intake.open('digits-t1-c1');
    await world.pass();
    expect(await world.status()).toMatchObject({ verdict: 'INVALID', reason: expect.stringContaining('budget') });
  });
});

function newWorld() {
  const clock = new FakeClock();
  const unitOfWork = new ImmediateUnitOfWork();
  const facts = new RecordingFactBus(unitOfWork);
  const experiments = new FakeExperimentStore();
  const candidates = new FakeCandidateStore({
    ...pendingCandidate({ digest: CANDIDATE, champion: CHAMPION, reference: CHAMPION }),
    status: { phase: 'Accepted', evaluation: evaluationOf() },
  });
  const models = new FakeModelStore();
  models.models.set('digits', {
    ...{ id: 'digits', model: 'digits', spec: someSpec(), status: { phase: 'Registered', generation: 1 } },
    ...{ revision: 1, createdAt: clock.now(), updatedAt: clock.now() },
  });
  const champions = new FakeChampionHistory();
  const routes = new FakeRouteStore();
  routes.routes.set('digits', aRoute({ model: 'digits', stable: CHAMPION, candidate: null, weight: 0, mirror: null }));
  const [lock, outcomes, ledger, log] = [
    new FakeChangeLock(),
    new FakeTriggerOutcomes(),
    new FakeAnswerLedger(),
    new FakePairLog(),
  ];
  const [scorer, samples, allowance, queue] = [
    new FakeScorer(),
    new FakeInputs(),
    new FakeAllowance(),
    new RecordingWorkQueue(),
  ];
  const endings = new ExperimentEndings({ experiments, candidates, routes, lock, outcomes, facts, unitOfWork });
  const entry = new PairEntry(
    { log, ledger, samples, scorer, models, clock },
    { unlabelledAfterSeconds: 5, rescoreBatch: 256 },
  );
  const reconciler = new ExperimentReconciler(experiments, { champions, routes, lock }, entry, endings, clock, 500);
  const intake = new ExperimentIntake({
    experiments,
    candidates,
    models,
    champions,
    allowance,
    queue,
    unitOfWork,
    clock,
  });
  return {
    ...{
      clock,
      facts,
      experiments,
      champions,
      routes,
      lock,
      outcomes,
      ledger,
      log,
      scorer,
      samples,
      allowance,
      intake,
    },
    pass: () => reconciler.reconcile(ID),
    status: async () => (await experiments.require(ID)).status,
    champion: (champion: typeof CHAMPION) => ({
      ...{ model: 'digits', champion, reference: CHAMPION, profile: NOBODY, at: clock.now() },
    }),
  };
}
