import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { aWindow } from '../monitors/testing/index.js';
import { setLogLevel } from '../platform/observability/index.js';
import { ExperimentConcluded } from './domain/experiment.js';
import { foldPairs, SHADOW_BEGIN } from './domain/shadow-progress.js';
import { aPair, CANDIDATE, CHAMPION, OTHER } from './testing/index.js';
import { ID, newWorld } from './testing/world.js';

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

  it('stays with a mirror that has made pairs while its gateways restart', async () => {
    await world.pass();
    world.ledger.answers = Array.from({ length: 40 }, (_, n) => aPair(`r${n}`, 1, 1, 1, world.clock.now()));
    await world.pass();
    world.gateways.epochs.clear();
    world.clock.advance(6_000);
    await world.pass();
    await world.pass();
    expect(await world.status()).toMatchObject({ phase: 'Running', source: 'mirror' });
    expect(world.log.pairs).toHaveLength(40);
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
