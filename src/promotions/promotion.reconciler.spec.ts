import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { evaluationOf, FakeCandidateStore, pendingCandidate } from '../candidates/testing/candidates.js';
import { FakeExperimentStore } from '../experiments/testing/index.js';
import { FakeJobStore, FakeTriggerOutcomes, FakeTriggerStore } from '../jobs/testing/fakes.js';
import { openTrigger } from '../jobs/testing/jobs.js';
import { PhaseConflict } from '../kernel/index.js';
import {
  FakeClock,
  ImmediateUnitOfWork,
  RecordingAuditLog,
  RecordingFactBus,
  RecordingWorkQueue,
} from '../kernel/testing/index.js';
import {
  FakeArtifactStore,
  FakeChampionHistory,
  FakeChangeLock,
  FakeModelStore,
  someSpec,
} from '../models/testing/index.js';
import { setLogLevel } from '../platform/observability/index.js';
import {
  aRollout,
  CANDIDATE,
  CHAMPION,
  FakeRolloutEndings,
  FakeRolloutStore,
  OTHER,
} from '../rollouts/testing/index.js';
import { aRoute, FakeRouteStore } from '../serving/testing/index.js';
import { BudgetOverdrawn } from './domain/errors.js';
import { Promoted } from './domain/promotion.js';
import { EvidenceCollector } from './evidence.js';
import { LedgerAllowance } from './ledger-allowance.js';
import { PromotionIntake } from './promotion-intake.js';
import { PromotionReconciler } from './promotion.reconciler.js';
import { PromotionEndings } from './promote.js';
import { RecordKeeper } from './record-keeper.js';
import { PromotionRollback } from './roll-back-promotion.js';
import { FakePromotionStore, FakeQualityLedger, FakeRecordStore } from './testing/index.js';

const ID = 'digits-t1-c1-p';
const ANN = { name: 'ann', role: 'approver', reason: 'looks good' } as const;
const PROFILE = { accuracy: null, labelled: 0, agreement: null, compared: 0, referenceAccuracy: null };

describe('promotions', () => {
  let world: Awaited<ReturnType<typeof newWorld>>;
  beforeAll(() => setLogLevel('silent'));
  beforeEach(async () => {
    world = await newWorld('auto');
  });

  it('change champion, route, ledger, record, trigger, lock and rollout together', async () => {
    await world.pass();
    expect((await world.promotions.require(ID)).status).toMatchObject({ phase: 'Promoted', by: 'system:promotions' });
    expect(await world.champions.current('digits')).toMatchObject({
      ...{ champion: CANDIDATE, promotion: ID },
      profile: { accuracy: 0.97, labelled: 400, agreement: 0.99, compared: 500, referenceAccuracy: 0.9725 },
    });
    expect(world.routes.routes.get('digits')).toMatchObject({
      stable: CANDIDATE,
      candidate: null,
      weight: 0,
      mirror: null,
    });
    expect(world.ledger.charges).toMatchObject([{ promotion: ID, reference: CHAMPION, champion: CANDIDATE }]);
    expect(world.ledger.charges[0]?.loss).toBeCloseTo(0.0025);
    expect(world.records.records.get('digits-t1-c1')).toMatchObject({ outcome: 'promoted', decidedBy: 'promotions' });
    expect(world.outcomes.resolved).toMatchObject([{ trigger: 'digits-t1', outcome: 'promoted' }]);
    expect(await world.lock.holder('digits')).toBeNull();
    expect((await world.rollouts.require('digits-t1-c1-r')).status.phase).toBe('Promoted');
    expect(world.facts.of(Promoted)).toEqual([{ promotion: ID, model: 'digits' }]);
    expect(world.audit.entries).toMatchObject([{ action: 'promotions.promote', subject: `promotion/${ID}` }]);
  });

  it('happen once, however often they are asked for', async () => {
    await world.pass();
    await world.pass();
    await world.endings.promote(ID, ANN);
    expect(world.ledger.charges).toHaveLength(1);
    expect(world.champions.periods).toHaveLength(2);
    expect(world.facts.of(Promoted)).toHaveLength(1);
  });

  it('do not happen when the bytes are not what was evaluated', async () => {
    world.artifacts.bytes.clear();
    await expect(world.pass()).rejects.toThrow('artifact');
    expect((await world.promotions.require(ID)).status.phase).toBe('AwaitingApproval');
    expect((await world.champions.current('digits'))?.champion).toBe(CHAMPION);
  });

  describe('that cost more than the budget has left', () => {
    const spend = (maxLoss: number) =>
      world.models.models.set('digits', {
        ...world.models.models.get('digits')!,
        spec: someSpec({
          promotion: { approval: 'manual' },
          objectives: { ...someSpec().objectives, qualityBudget: { metric: 'accuracy', maxLoss } },
        }),
      });

    it('do not happen by themselves: the candidate is turned away, with the figures', async () => {
      spend(0.001);
      await world.pass();
      const { status } = await world.promotions.require(ID);
      expect(status).toMatchObject({ phase: 'Rejected', by: 'system:promotions' });
      expect(status).toMatchObject({
        reason: expect.stringMatching(/costs 0\.25 points .* allows 0\.10, of which 0\.10/),
      });
      expect(world.ledger.charges).toEqual([]);
    });

    it('are refused to an approver who does not say so, and change nothing', async () => {
      spend(0.001);
      await expect(world.endings.promote(ID, ANN)).rejects.toThrow(BudgetOverdrawn);
      expect((await world.promotions.require(ID)).status.phase).toBe('AwaitingApproval');
      expect(world.ledger.charges).toEqual([]);
    });

    it('happen when an approver overrides the budget, and the overdraft is on record', async () => {
      spend(0.001);
      await world.endings.promote(ID, { ...ANN, overrideBudget: true });
      const { status } = await world.promotions.require(ID);
      expect('overdraft' in status ? status.overdraft : 0).toBeCloseTo(0.0015, 9);
      expect(world.audit.entries[0]?.detail).toMatchObject({ overdraft: expect.any(Number) });
    });

    it('happen when they replace a champion that has cost even more', async () => {
      spend(0.001);
      const at = world.clock.now();
      await world.ledger.charge({
        promotion: 'p0',
        model: 'digits',
        reference: CHAMPION,
        champion: CHAMPION,
        loss: 0.02,
        at,
      });
      await world.endings.promote(ID, ANN);
      expect((await world.promotions.require(ID)).status).toMatchObject({ phase: 'Promoted' });
    });
  });

  it('charge what is left of the budget of this reference, and of no other', async () => {
    const allowance = new LedgerAllowance(world.ledger, world.models, world.champions);
    expect(await allowance.remaining('digits', CHAMPION)).toBe(0.01);
    await world.pass();
    expect(await allowance.remaining('digits', CHAMPION)).toBeCloseTo(0.0075);
    expect(await allowance.remaining('digits', CANDIDATE)).toBe(0.01);
  });

  it('lose against an abort that was asked for before', async () => {
    await world.rolloutEndings.requestAbort('digits-t1-c1-r', 'bob', 'no');
    await expect(world.pass()).rejects.toThrow(PhaseConflict);
    expect((await world.champions.current('digits'))?.champion).toBe(CHAMPION);
  });

  it('are turned away when their rollout has ended, by the stage that decided', async () => {
    const rollout = await world.rollouts.require('digits-t1-c1-r');
    const ended = { phase: 'Aborted', at: world.clock.now(), by: 'bob', reason: 'no' } as const;
    await world.rollouts.save({ ...rollout, status: ended });
    await world.pass();
    expect((await world.promotions.require(ID)).status.phase).toBe('Rejected');
    expect(world.records.records.get('digits-t1-c1')).toMatchObject({ outcome: 'refused', decidedBy: 'rollouts' });
  });

  it('are created once from one rollout', async () => {
    await world.intake.fromRollout('digits-t1-c1-r');
    expect(world.promotions.promotions.size).toBe(1);
  });

  it('of a retry have an id and a record of their own', async () => {
    const first = await world.rollouts.require('digits-t1-c1-r');
    await world.keeper.keep('digits-t1-c1', {
      outcome: 'refused',
      decidedBy: 'rollouts',
      reason: 'no',
      rollout: first.id,
    });
    await world.rollouts.save({
      ...{ ...first, id: 'digits-t1-c1-r2', revision: 0 },
      spec: { ...first.spec, attempt: 2 },
    });
    await world.intake.fromRollout('digits-t1-c1-r2');
    await world.pass('digits-t1-c1-p2');
    expect((await world.promotions.require('digits-t1-c1-p2')).status.phase).toBe('Promoted');
    expect(world.records.records.get('digits-t1-c1')).toMatchObject({ outcome: 'refused' });
    expect(world.records.records.get('digits-t1-c1-a2')).toMatchObject({ outcome: 'promoted' });
  });

  describe('that are taken back', () => {
    const BOB = { name: 'bob', role: 'operator', reason: 'users complain' } as const;

    it('let the former champion serve again, as a promotion of its own, and charge what it had cost', async () => {
      await world.pass();
      const back = await world.rollback.rollBack(ID, BOB);
      expect(back).toMatchObject({
        ...{ id: `${ID}-b`, status: { phase: 'Promoted', by: 'bob' } },
        spec: { candidateVersion: CHAMPION, champion: CANDIDATE, undoes: ID, charge: 0 },
      });
      expect(await world.champions.current('digits')).toMatchObject({ champion: CHAMPION, promotion: `${ID}-b` });
      expect(world.routes.routes.get('digits')).toMatchObject({ stable: CHAMPION, candidate: null, weight: 0 });
      expect(await new LedgerAllowance(world.ledger, world.models, world.champions).remaining('digits', CHAMPION)).toBe(
        0.01,
      );
      expect(world.records.records.get(`${ID}-b`)).toMatchObject({
        outcome: 'rolled-back',
        reason: expect.stringMatching('bob'),
      });
      expect(await world.rollouts.require(`${ID}-b-t`)).toMatchObject({
        ...{ spec: { candidateVersion: CHAMPION, champion: CANDIDATE, undoes: 'digits-t1-c1-r' } },
        status: { phase: 'Promoted', settledAt: null },
      });
      expect(world.audit.entries.at(-1)).toMatchObject({ action: 'promotions.rollback', actor: 'bob' });
      expect(world.facts.of(Promoted)).toHaveLength(2);
    });

    it('are taken back once, however often it is asked for, and not again', async () => {
      await world.pass();
      const back = await world.rollback.rollBack(ID, BOB);
      expect(await world.rollback.rollBack(ID, BOB)).toEqual(back);
      expect(world.champions.periods).toHaveLength(3);
      await expect(world.rollback.rollBack(back.id, BOB)).rejects.toThrow(PhaseConflict);
    });

    it('must have happened, and still be what serves', async () => {
      await expect(world.rollback.rollBack(ID, BOB)).rejects.toThrow(PhaseConflict);
      await world.pass();
      const at = world.clock.now();
      const next = { champion: OTHER, reference: CHAMPION, promotion: 'digits-m9-p', profile: PROFILE, at };
      await world.champions.begin({ model: 'digits', ...next });
      await expect(world.rollback.rollBack(ID, BOB)).rejects.toThrow('is not what serves');
    });

    it('do not bring back bytes that are not what they were', async () => {
      await world.pass();
      world.artifacts.bytes.delete(CHAMPION);
      await expect(world.rollback.rollBack(ID, BOB)).rejects.toThrow('artifact');
      expect((await world.champions.current('digits'))?.champion).toBe(CANDIDATE);
    });
  });

  describe('that need approval', () => {
    beforeEach(async () => {
      world = await newWorld('manual');
      await world.pass();
    });

    it('wait for it', async () => {
      expect((await world.promotions.require(ID)).status.phase).toBe('AwaitingApproval');
      expect(await world.pass()).toHaveProperty('requeueAfterMs');
    });

    it('follow an approver who promoted the rollout itself', async () => {
      const rollout = await world.rollouts.require('digits-t1-c1-r');
      const promotion = { by: 'bob', reason: 'now' };
      await world.rollouts.save({
        ...rollout,
        status: { phase: 'Ready', since: new Date(0), readings: [], promotion },
      });
      await world.pass();
      expect((await world.promotions.require(ID)).status).toMatchObject({
        phase: 'Promoted',
        by: 'bob',
        reason: 'now',
      });
    });

    it('follow the approver', async () => {
      await world.endings.promote(ID, ANN);
      expect((await world.promotions.require(ID)).status).toMatchObject({
        phase: 'Promoted',
        by: 'ann',
        reason: 'looks good',
      });
      await expect(world.endings.reject(ID, ANN)).rejects.toThrow(PhaseConflict);
    });

    it('send the traffic back when they are rejected', async () => {
      await world.endings.reject(ID, { ...ANN, reason: 'not before the holidays' });
      await world.endings.reject(ID, ANN);
      expect(world.rolloutEndings.aborts).toMatchObject([{ rollout: 'digits-t1-c1-r', by: 'ann' }]);
      expect(world.records.records.get('digits-t1-c1')).toMatchObject({ outcome: 'refused', decidedBy: 'promotions' });
      expect(world.audit.entries).toHaveLength(1);
      await expect(world.endings.promote(ID, ANN)).rejects.toThrow(PhaseConflict);
    });
  });
});

async function newWorld(approval: 'auto' | 'manual') {
  const clock = new FakeClock();
  const unitOfWork = new ImmediateUnitOfWork();
  const facts = new RecordingFactBus(unitOfWork);
  const audit = new RecordingAuditLog();
  const queue = new RecordingWorkQueue();
  const candidates = new FakeCandidateStore({
    ...pendingCandidate({ digest: CANDIDATE, champion: CHAMPION, reference: CHAMPION }),
    status: { phase: 'Accepted', evaluation: evaluationOf() },
  });
  const models = new FakeModelStore();
  models.models.set('digits', {
    ...{ id: 'digits', model: 'digits', spec: someSpec({ promotion: { approval } }), revision: 1 },
    ...{ status: { phase: 'Registered', generation: 1 }, createdAt: clock.now(), updatedAt: clock.now() },
  });
  const champions = new FakeChampionHistory();
  const at = clock.now();
  await champions.begin({
    model: 'digits',
    champion: CHAMPION,
    reference: CHAMPION,
    promotion: null,
    profile: PROFILE,
    at,
  });
  const [lock, outcomes, artifacts] = [new FakeChangeLock(), new FakeTriggerOutcomes(), new FakeArtifactStore()];
  await lock.acquire('digits', 'digits-t1-c1');
  artifacts.bytes.set(CANDIDATE, new Uint8Array([1]));
  artifacts.bytes.set(CHAMPION, new Uint8Array([2]));
  const routes = new FakeRouteStore();
  routes.routes.set('digits', aRoute({ model: 'digits', stable: CHAMPION, candidate: CANDIDATE, weight: 50 }));
  const rollouts = new FakeRolloutStore();
  const rolloutEndings = new FakeRolloutEndings(rollouts);
  await rollouts.save(aRollout({ phase: 'Ready', since: at, readings: [] }));
  const [promotions, store, ledger] = [new FakePromotionStore(), new FakeRecordStore(), new FakeQualityLedger()];
  const collector = new EvidenceCollector({
    ...{ triggers: new FakeTriggerStore(openTrigger()), jobs: new FakeJobStore(), candidates, rollouts },
    experiments: new FakeExperimentStore(),
  });
  const records = new RecordKeeper(store, collector, unitOfWork, clock);
  const endings = new PromotionEndings({
    ...{ promotions, candidates, ledger, records, rollouts: rolloutEndings, champions, artifacts, models },
    ...{ lock, routes, outcomes, facts, audit, unitOfWork, clock },
  });
  const rollback = new PromotionRollback({
    ...{ promotions, ledger, records, rollouts: rolloutEndings, champions, artifacts },
    ...{ routes, facts, audit, unitOfWork, clock },
  });
  const intake = new PromotionIntake({ promotions, rollouts, candidates, models, queue, unitOfWork, clock });
  const reconciler = new PromotionReconciler(promotions, rollouts, endings);
  await intake.fromRollout('digits-t1-c1-r');
  return {
    ...{ clock, facts, audit, models, champions, lock, outcomes, artifacts, routes, rollouts, rolloutEndings },
    ...{ promotions, ledger, endings, rollback, intake, records: store, keeper: records },
    pass: (id = ID) => reconciler.reconcile(id),
  };
}
