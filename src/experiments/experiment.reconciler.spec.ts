import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { evaluationOf, FakeCandidateStore, pendingCandidate } from '../candidates/testing/candidates.js';
import { FakeTriggerOutcomes } from '../jobs/testing/fakes.js';
import { FakeClock, ImmediateUnitOfWork, RecordingFactBus, RecordingWorkQueue } from '../kernel/testing/index.js';
import { FakeChampionHistory, FakeChangeLock, FakeModelStore, someSpec } from '../models/testing/index.js';
import { setLogLevel } from '../platform/observability/index.js';
import { aWindow } from '../monitors/testing/index.js';
import { aRoute, FakeExposureLog, FakeGatewayStatus, FakeRouteStore } from '../serving/testing/index.js';
import { ExperimentConcluded } from './domain/experiment.js';
import { foldPairs, SHADOW_BEGIN } from './domain/shadow-progress.js';
import { ExperimentEndings } from './experiment-endings.js';
import { ExperimentIntake } from './experiment-intake.js';
import { ExperimentReconciler } from './experiment.reconciler.js';
import { ExperimentTraffic } from './experiment-traffic.js';
import { LiveEntry } from './live-entry.js';
import { ShadowEntry } from './shadow-entry.js';
import {
  aPair,
  CANDIDATE,
  CHAMPION,
  FakeAllowance,
  FakeAnswerLedger,
  FakeExperimentStore,
  FakeInputs,
  FakePairLog,
  FakeProgressStore,
  FakeScorer,
  FakeWindows,
  OTHER,
} from './testing/index.js';

const ID = 'digits-t1-c1-x';
const LIVE = {
  ...{
    mode: 'live',
    liveWeight: 50,
    margin: 0.4,
    alpha: 0.2,
    mirrorFraction: 1,
    maxSamples: 10_000,
    maxSeconds: 3_600,
  },
} as const;
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
    world.ledger.answers = Array.from({ length: 500 }, (_, n) => aPair(`r${n}`, 1, 1, 1));
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
    world.ledger.answers = Array.from({ length: 500 }, (_, n) => aPair(`r${n}`, 1, 1, 1));
    world.experiments.failNextSave = true;
    await expect(world.pass()).rejects.toThrow('died');
    expect((await world.status()).phase).toBe('Running');
    await world.pass();
    expect(await world.status()).toMatchObject({ verdict: 'PASS', reading: { pairs: expect.any(Number) } });
    expect(world.facts.of(ExperimentConcluded)).toHaveLength(1);
  });

  it('folds only new pairs, and stands where folding all of them anew would stand', async () => {
    await world.pass();
    for (let round = 0; round < 4; round += 1) {
      for (let n = 0; n < 40; n += 1)
        world.ledger.answers.push(
          aPair(
            `r${round}-${n}`,
            n % 18 === 9 ? 2 : 1,
            n % 18 === 0 ? 2 : 1,
            n % 2 === 0 ? 1 : null,
            world.clock.now(),
          ),
        );
      world.clock.advance(6_000);
      await world.pass();
      await world.pass();
    }
    const { spec } = await world.experiments.require(ID);
    expect(world.log.pairs).toHaveLength(160);
    const folded = foldPairs(SHADOW_BEGIN, await world.log.list(), spec);
    expect(await world.progress.find(ID)).toMatchObject({
      bets: folded.bets,
      interval: folded.interval,
      position: 160,
    });
  });

  it('does not undo what somebody else has stated since it looked', async () => {
    await world.pass();
    const stale = (await world.routes.find('digits'))!;
    await world.routes.state({ ...stale, stable: OTHER });
    const experiment = await world.experiments.require(ID);
    await world.traffic.state(experiment, stale, 'mirror');
    expect(world.routes.routes.get('digits')).toMatchObject({ stable: OTHER, mirror: null });
  });

  describe('without a gateway of ours', () => {
    beforeEach(() => world.gateways.epochs.clear());

    it('scores sampled requests again, says so and mirrors nothing', async () => {
      await world.pass();
      expect(await world.status()).toMatchObject({ phase: 'Running', source: 'rescore' });
      world.sample(500, { label: null });
      world.clock.advance(6_000);
      await world.pass();
      await world.pass();
      expect(world.routes.routes.get('digits')).toMatchObject({ mirror: null });
      expect(world.log.pairs.length).toBeGreaterThan(300);
      expect(await world.status()).toMatchObject({ phase: 'Concluded', verdict: 'PASS' });
    });

    it('judges by labels where there are some', async () => {
      await world.pass();
      world.scorer.says.set(CANDIDATE, 2);
      world.sample(40, { label: 2 });
      await world.pass();
      expect(world.log.pairs).toHaveLength(40);
      expect(world.log.pairs.every(({ truth, difference }) => truth === 'label' && difference === 1)).toBe(true);
    });

    it('loses nothing while a version cannot be asked', async () => {
      await world.pass();
      world.scorer.away = true;
      world.sample(40, { label: null });
      world.clock.advance(6_000);
      await world.pass();
      expect(world.log.pairs).toEqual([]);
      world.scorer.away = false;
      await world.pass();
      expect(world.log.pairs).toHaveLength(40);
    });
  });

  it('goes over to sampled requests when the mirror makes no pair although requests come', async () => {
    await world.pass();
    expect(await world.status()).toMatchObject({ source: 'mirror' });
    world.clock.advance(31_000);
    world.windows.windows = [aWindow(CHAMPION, world.clock.now().getTime() / 1000 - 10)];
    await world.pass();
    expect(await world.status()).toMatchObject({ source: 'rescore' });
    expect(world.routes.routes.get('digits')).toMatchObject({ mirror: null });
  });

  it('says that no traffic comes and what it needs, and judges nobody', async () => {
    await world.pass();
    world.clock.advance(60_000);
    await world.pass();
    expect(await world.status()).toMatchObject({ phase: 'Running', reason: expect.stringContaining('no traffic') });
    world.clock.advance(3_600_000);
    await world.pass();
    expect(await world.status()).toMatchObject({ verdict: 'BLIND' });
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

describe('a live experiment', () => {
  let world: ReturnType<typeof newWorld>;
  beforeAll(() => setLogLevel('silent'));
  beforeEach(async () => {
    world = newWorld();
    world.models.models.set('digits', {
      ...world.models.models.get('digits')!,
      spec: someSpec({
        experiment: LIVE,
        objectives: { ...someSpec().objectives, qualityBudget: { metric: 'accuracy', maxLoss: 0.4 } },
      }),
    });
    world.allowance.left = 0.4;
    await world.champions.begin({ ...world.champion(CHAMPION), promotion: null });
    await world.intake.open('digits-t1-c1');
    await world.pass();
    await world.pass();
  });

  /** Both arms' windows of the next minute, and as many labels each. */
  function serve(requests: number, candidate: { errors?: number; latencyMs?: number; wrong?: number } = {}) {
    const { wrong = 0, ...window } = candidate;
    const second = world.clock.now().getTime() / 1000;
    world.windows.windows.push(
      aWindow(CHAMPION, second, { requests, latencyMs: 5 }),
      aWindow(CANDIDATE, second, { requests, latencyMs: 5, ...window }),
    );
    for (const version of [CHAMPION, CANDIDATE])
      for (let n = 0; n < requests; n += 1) {
        const prediction = version === CANDIDATE && n < wrong ? 2 : 1;
        const sequence = world.ledger.labelled.length + 1;
        const at = world.clock.now();
        world.ledger.labelled.push({
          ...{ sequence, requestId: `l${sequence}`, version, at, prediction },
          confidence: 1,
          label: 1,
        });
      }
    world.clock.advance(60_000);
  }
  const expose = (stable: number, candidate: number) =>
    world.exposures.add(
      Array.from({ length: stable + candidate }, (_, n) => ({
        ...{
          salt: ID,
          keyHash: `k${n}`,
          arm: n < stable ? ('stable' as const) : ('candidate' as const),
          at: world.clock.now(),
        },
      })),
    );

  it('gives the candidate its share on lease, with a salt of its own, and has exposures recorded', async () => {
    expect(world.routes.routes.get('digits')).toMatchObject({
      ...{ stable: CHAMPION, candidate: CANDIDATE, weight: 50, salt: ID, exposures: true, mirror: null },
      confirmBy: new Date(world.clock.now().getTime() + 15_000),
    });
  });

  it('passes a candidate that is proven no worse in everything that is asked, and takes its share back', async () => {
    await expose(1_000, 1_000);
    for (let minute = 0; minute < 8 && (await world.status()).phase === 'Running'; minute += 1) {
      serve(500);
      await world.pass();
    }
    const status = await world.status();
    expect(status).toMatchObject({ phase: 'Concluded', verdict: 'PASS' });
    expect(status).toMatchObject({
      reading: { metrics: ['quality', 'errors', 'latency'].map((name) => ({ name, verdict: 'PASS' })) },
    });
    expect(world.routes.routes.get('digits')).toMatchObject({ candidate: null, weight: 0, confirmBy: null });
    expect(await world.lock.holder('digits')).toBe('digits-t1-c1');
  });

  it.each([
    ['fails more often', { errors: 200 }, 'errors'],
    ['is slower', { latencyMs: 50 }, 'latency'],
    ['is wrong more often', { wrong: 450 }, 'quality'],
  ])('refuses a candidate that %s, and says by what', async (_, harm, name) => {
    for (let minute = 0; minute < 8 && (await world.status()).phase === 'Running'; minute += 1) {
      serve(500, harm);
      await world.pass();
    }
    const status = await world.status();
    expect(status).toMatchObject({ verdict: 'FAIL' });
    const reading = 'reading' in status ? status.reading : null;
    expect(reading?.metrics.filter(({ verdict }) => verdict === 'FAIL').map((metric) => metric.name)).toEqual([name]);
    expect(world.routes.routes.get('digits')).toMatchObject({ candidate: null });
  });

  it('counts each window and each label once, however often it looks', async () => {
    serve(100, { errors: 3 });
    await world.pass();
    await world.pass();
    expect(await world.progress.find(ID)).toMatchObject({
      champion: { requests: 100, errors: 0, labelled: 100, wrong: 0 },
      candidate: { requests: 100, errors: 3, labelled: 100 },
    });
  });

  it('is blind when the arms are not filled as planned', async () => {
    await expose(900, 600);
    serve(100);
    await world.pass();
    expect(await world.status()).toMatchObject({ verdict: 'BLIND', reason: expect.stringContaining('sample ratio') });
    expect(world.outcomes.resolved).toMatchObject([{ outcome: 'failed' }]);
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
  const [gateways, exposures, windows, progress] = [
    new FakeGatewayStatus(),
    new FakeExposureLog(),
    new FakeWindows(),
    new FakeProgressStore(),
  ];
  gateways.epochs.set('digits', 1);
  const traffic = new ExperimentTraffic({ routes, gateways, windows, clock });
  const [scorer, samples, allowance, queue] = [
    new FakeScorer(),
    new FakeInputs(),
    new FakeAllowance(),
    new RecordingWorkQueue(),
  ];
  const endings = new ExperimentEndings({ experiments, candidates, traffic, lock, outcomes, facts, unitOfWork });
  const shadow = new ShadowEntry(
    { log, progress, ledger, samples, scorer, models, unitOfWork, clock },
    { unlabelledAfterSeconds: 5, rescoreBatch: 256 },
  );
  const live = new LiveEntry({ progress, windows, ledger, exposures, models, unitOfWork, clock }, 0);
  const seen = { champions, lock, traffic };
  const reconciler = new ExperimentReconciler(experiments, seen, { shadow, live }, endings, clock, 500);
  const intake = new ExperimentIntake({
    experiments,
    candidates,
    models,
    champions,
    allowance,
    traffic,
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
    ...{ models, gateways, exposures, windows, progress, traffic },
    /** So many sampled requests that the champion answered with 1. */
    sample: (count: number, { label }: { label: number | null }) => {
      for (let n = 0; n < count; n += 1) {
        const sequence = samples.samples.length + 1;
        samples.samples.push({
          ...{ sequence, requestId: `s${sequence}`, version: CHAMPION, at: new Date(clock.now().getTime() + 1) },
          ...{ input: new Float32Array([1, 2]), prediction: 1, confidence: 1, label, weight: 1 },
        });
      }
    },
    pass: () => reconciler.reconcile(ID),
    status: async () => (await experiments.require(ID)).status,
    champion: (champion: typeof CHAMPION) => ({
      ...{ model: 'digits', champion, reference: CHAMPION, profile: NOBODY, at: clock.now() },
    }),
  };
}
