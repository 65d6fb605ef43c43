import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeCandidateStore, pendingCandidate } from '../candidates/testing/candidates.js';
import { FakeTriggerOutcomes } from '../jobs/testing/fakes.js';
import { PhaseConflict, RevisionConflict } from '../kernel/index.js';
import {
  FakeClock,
  ImmediateUnitOfWork,
  RecordingAuditLog,
  RecordingFactBus,
  RecordingWorkQueue,
} from '../kernel/testing/index.js';
import { FakeChampionHistory, FakeChangeLock } from '../models/testing/index.js';
import { setLogLevel } from '../platform/observability/index.js';
import { advanceRollout } from './domain/advance-rollout.js';
import { RolloutFailed, RolloutReady } from './domain/rollout.js';
import { RolloutControl } from './rollout-control.js';
import { RolloutReconciler } from './rollout.reconciler.js';
import {
  aRollout,
  CHAMPION,
  FakeDecisionLog,
  FakeGateMeter,
  FakeRolloutRequests,
  FakeRolloutSights,
  FakeRolloutStore,
  FakeTrafficRouter,
  OTHER,
} from './testing/index.js';

const ID = 'digits-t1-c1-r';
const ANN = { name: 'ann', role: 'operator' } as const;
const NOBODY = { accuracy: null, labelled: 0, agreement: null, compared: 0, referenceAccuracy: null };

describe('RolloutReconciler', () => {
  let world: Awaited<ReturnType<typeof newWorld>>;
  beforeAll(() => setLogLevel('silent'));
  beforeEach(async () => {
    world = await newWorld();
  });

  it('goes through every step to Ready and says so once', async () => {
    await world.passes(14);
    expect((await world.status()).phase).toBe('Ready');
    expect(world.facts.of(RolloutReady)).toEqual([{ rollout: ID, model: 'digits' }]);
    expect(world.router.weight).toBe(50);
    expect(await world.lock.holder('digits')).toBe('digits-t1-c1');
  });

  it('renews the lease before a third of it is over, also while it waits for its promotion', async () => {
    for (let i = 0; i < 60; i += 1) {
      await world.passes(1);
      const left = (world.router.confirmBy?.getTime() ?? 0) - world.clock.now().getTime();
      if (world.router.weight > 0) expect(left).toBeGreaterThanOrEqual(6_000);
    }
    expect((await world.status()).phase).toBe('Ready');
    expect(world.router.calls.filter((call) => call === 'set 50').length).toBeLessThan(20);
  });

  it('sets a weight only after its step is on record', async () => {
    world.router.setWeight = async () => {
      const status = await world.status();
      expect(status).toMatchObject({ phase: 'Progressing', step: 0 });
      throw new Error('enough');
    };
    await world.passes(1);
    expect(await world.status()).toMatchObject({ phase: 'Progressing', step: 0 });
    await world.passes(1);
    expect((await world.sights.find(ID))?.routerError).toBe('enough');
  });

  it('goes on when the router fails for a while, and goes back uncharged when it never works', async () => {
    world.router.failing = 5;
    await world.passes(25);
    expect((await world.status()).phase).toBe('Ready');
    world = await newWorld();
    world.router.failing = 1_000;
    await world.passes(25);
    expect(await world.status()).toMatchObject({ phase: 'RolledBack', cause: 'blind', charged: false });
  });

  it('gives back until the data plane was seen to follow, although the router fails, and says so meanwhile', async () => {
    await world.passes(4);
    world.meter.verdict = 'FAIL';
    world.router.failing = 4;
    await world.passes(1);
    expect(await world.status()).toMatchObject({ phase: 'RolledBack', givenBackAt: null });
    expect(world.facts.of(RolloutFailed)).toHaveLength(1);
    const pauses: unknown[] = [];
    for (let i = 0; i < 3; i += 1) pauses.push(await world.passes(1));
    expect(pauses).toEqual([500, 1_000, 2_000].map((requeueAfterMs) => ({ requeueAfterMs })));
    expect(await world.sights.find(ID)).toMatchObject({
      closingAttempts: 3,
      routerError: expect.stringMatching('API'),
    });
    world.router.sees = false;
    await world.passes(1);
    expect(await world.status()).toMatchObject({ givenBackAt: null });
    world.router.sees = true;
    expect(await world.passes(1)).toEqual({});
    expect(await world.status()).toMatchObject({ givenBackAt: world.clock.now(), traffic: { set: 0, actual: 0 } });
  });

  it('does not go on silently after the traffic was taken back by itself', async () => {
    await world.passes(4);
    world.router.lapsed = true;
    world.router.weight = 0;
    await world.passes(1);
    expect(await world.status()).toMatchObject({ phase: 'RolledBack', cause: 'confirm-timeout', charged: false });
    expect(world.outcomes.resolved).toMatchObject([{ outcome: 'failed' }]);
  });

  it('waits while another rollout has the same traffic, and begins once that has given it back', async () => {
    const other = {
      ...aRollout({ phase: 'Aborted', at: new Date(0), by: 'ann', reason: '', givenBackAt: null }),
      id: 'other',
    };
    const held = await world.rollouts.save(other);
    await world.passes(3);
    expect(await world.status()).toEqual({ phase: 'Pending', blockedBy: 'other' });
    expect(world.router.calls).toEqual([]);
    await world.rollouts.save({ ...held, status: { ...held.status, givenBackAt: new Date(0) } as typeof held.status });
    await world.passes(1);
    expect((await world.status()).phase).toBe('Progressing');
  });

  it('settles the traffic after the promotion, as long as that takes', async () => {
    await world.passes(14);
    await world.control.markPromoted(ID);
    world.router.settles = false;
    await world.passes(3);
    expect(await world.status()).toMatchObject({ phase: 'Promoted', settledAt: null });
    world.router.settles = true;
    expect(await world.passes(1)).toEqual({});
    expect(await world.status()).toMatchObject({ phase: 'Promoted', settledAt: world.clock.now() });
  });

  it('raises its revision only for what matters, and puts every such decision on record', async () => {
    await world.passes(14);
    const { revision } = await world.rollouts.require(ID);
    await world.passes(20);
    expect((await world.rollouts.require(ID)).revision).toBeLessThanOrEqual(revision + 1);
    const records = await world.decisions.list(ID, 0, 100);
    expect(records.map(({ decision }) => decision.status.phase)).toEqual(
      expect.arrayContaining(['Progressing', 'Ready']),
    );
    for (const { before, observation, decision } of records)
      expect(advanceRollout(aRollout(before), observation!)).toEqual(decision);
  });

  it('gives traffic back before it saves, tells it, releases the lock and refuses the trigger on FAIL', async () => {
    await world.passes(4);
    world.meter.verdict = 'FAIL';
    world.rollouts.failNextSave = true;
    await expect(world.passes(1)).rejects.toThrow('died');
    expect(world.router.weight).toBe(0);
    await world.passes(1);
    expect((await world.status()).phase).toBe('RolledBack');
    expect(world.facts.of(RolloutFailed)).toMatchObject([{ candidate: 'digits-t1-c1', outcome: 'RolledBack' }]);
    expect(world.outcomes.resolved).toMatchObject([{ trigger: 'digits-t1', outcome: 'refused' }]);
    expect(await world.lock.holder('digits')).toBeNull();
  });

  it('holds while blind, then goes back without charging the candidate', async () => {
    await world.passes(2);
    world.meter.verdict = 'BLIND';
    await world.passes(15);
    expect((await world.status()).phase).toBe('Progressing');
    await world.passes(10);
    expect((await world.status()).phase).toBe('RolledBack');
    expect(world.outcomes.resolved).toMatchObject([{ outcome: 'failed' }]);
  });

  it('pauses and resumes with a new beginning of the step', async () => {
    await world.passes(2);
    await world.control.ask(ID, 'pause', ANN, 'a moment');
    await world.passes(20);
    expect(await world.status()).toMatchObject({ phase: 'Paused', step: 0, by: 'ann' });
    expect(world.router.weight).toBe(10);
    await world.control.ask(ID, 'resume', ANN, 'go on');
    await world.passes(1);
    expect(await world.status()).toMatchObject({ phase: 'Progressing', step: 0, inForceSince: null });
    await world.passes(12);
    expect((await world.status()).phase).toBe('Ready');
    expect(world.audit.entries.map(({ action }) => action)).toEqual(['rollouts.pause', 'rollouts.resume']);
  });

  it('aborts from Ready, and nothing promotes it then', async () => {
    await world.passes(12);
    await world.control.ask(ID, 'abort', ANN, 'enough');
    await expect(world.control.markPromoted(ID)).rejects.toThrow(PhaseConflict);
    await world.passes(1);
    expect(await world.status()).toMatchObject({ phase: 'Aborted', by: 'ann', reason: 'enough' });
    expect(world.router).toMatchObject({ weight: 0, stable: CHAMPION });
  });

  it('keeps the abort whatever is asked afterwards', async () => {
    await world.passes(2);
    await world.control.ask(ID, 'abort', ANN, 'enough');
    await expect(world.control.ask(ID, 'pause', ANN, 'or rather a moment')).rejects.toThrow('about to be aborted');
    await world.passes(1);
    expect((await world.status()).phase).toBe('Aborted');
  });

  it('gives everything to the champion of now when that has changed', async () => {
    await world.passes(2);
    await world.champions.begin({ ...CHAMPION_PERIOD, champion: OTHER, promotion: 'digits-m1-p' });
    await world.passes(1);
    expect((await world.status()).phase).toBe('RolledBack');
    expect(world.router.stable).toBe(OTHER);
  });

  it('is promoted only when it is Ready, and once', async () => {
    await expect(world.control.markPromoted(ID)).rejects.toThrow(PhaseConflict);
    await world.passes(12);
    await world.control.markPromoted(ID);
    await world.control.markPromoted(ID);
    expect((await world.status()).phase).toBe('Promoted');
    expect(await world.passes(1)).toEqual({});
  });

  it('leaves the traffic alone when a promotion overtakes a pass', async () => {
    await world.passes(12);
    const look = world.router.observe.bind(world.router);
    world.router.observe = async () => {
      await world.control.markPromoted(ID);
      world.router.weight = 0; // the promotion gives everything to the new champion
      return look();
    };
    await expect(world.passes(1)).rejects.toThrow(RevisionConflict);
    expect(world.router.weight).toBe(0);
    expect((await world.status()).phase).toBe('Promoted');
  });
});

const CHAMPION_PERIOD = { model: 'digits', champion: CHAMPION, reference: CHAMPION, profile: NOBODY, at: new Date(0) };

async function newWorld() {
  const clock = new FakeClock();
  const unitOfWork = new ImmediateUnitOfWork();
  const facts = new RecordingFactBus(unitOfWork);
  const [rollouts, requests, router] = [new FakeRolloutStore(), new FakeRolloutRequests(), new FakeTrafficRouter()];
  const [lock, outcomes, audit, champions] = [
    ...[new FakeChangeLock(), new FakeTriggerOutcomes(), new RecordingAuditLog(), new FakeChampionHistory()],
  ] as [FakeChangeLock, FakeTriggerOutcomes, RecordingAuditLog, FakeChampionHistory];
  const [sights, decisions] = [new FakeRolloutSights(), new FakeDecisionLog()];
  const meter = new FakeGateMeter(() => clock.now());
  const candidates = new FakeCandidateStore(pendingCandidate());
  await champions.begin({ ...CHAMPION_PERIOD, promotion: null });
  await lock.acquire('digits', 'digits-t1-c1');
  await rollouts.save(aRollout());
  const ports = { candidates, champions, lock, outcomes, facts, unitOfWork, clock };
  const reconciler = new RolloutReconciler({ rollouts, requests, sights, decisions }, router, meter, ports);
  const queue = new RecordingWorkQueue();
  const control = new RolloutControl({ rollouts, requests, sights, decisions, queue, audit, unitOfWork, clock });
  return {
    ...{ clock, facts, rollouts, router, lock, outcomes, audit, champions, meter, control, sights, decisions },
    /** So many passes, one a second. */
    passes: async (count: number) => {
      let result = {};
      for (let i = 0; i < count; i += 1) {
        clock.advance(1_000);
        result = await reconciler.reconcile(ID);
      }
      return result;
    },
    status: async () => (await rollouts.require(ID)).status,
  };
}
