import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { someSpec } from '../models/testing/index.js';
import { aWindow } from '../monitors/testing/index.js';
import { setLogLevel } from '../platform/observability/index.js';
import { CANDIDATE, CHAMPION } from './testing/index.js';
import { ID, newWorld } from './testing/world.js';

const LIVE = {
  ...{
    mode: 'live' as const,
    liveWeight: 50,
    margin: 0.4,
    alpha: 0.2,
    mirrorFraction: 1,
    maxSamples: 10_000,
    maxSeconds: 3_600,
  },
} as const;
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
