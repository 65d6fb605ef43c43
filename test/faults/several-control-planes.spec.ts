import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '../support/until.js';
import { accountOf, disorder } from './accounts.js';
import { ControlPlane } from './control-plane.js';
import { type FaultyWorld, openFaultyWorld } from './faulty-world.js';
import { promotion, PROMOTION_ACCOUNT } from './scenarios.js';

const MINUTES = 60_000;
const MODELS = ['one', 'two', 'three'];
/** Three times the lease, and longer than the server keeps the session of a stopped transaction. */
const STOPPED_MS = 3_500;

/** Three of them on one database, of which one is stopped again and again for longer than its leases last, and goes on. */
describe('several control planes', () => {
  let world: FaultyWorld;
  const planes: ControlPlane[] = [];
  afterEach(async () => {
    for (const plane of planes) plane.signal('SIGCONT');
    await Promise.all(planes.splice(0).map((plane) => plane.kill()));
    await world.close();
  });

  it(
    'decide once, also when one comes back from the dead and goes on where it stood',
    async () => {
      world = await openFaultyWorld({ RATCHET_DATABASE_IDLE_TRANSACTION_MS: '2000' });
      for (const port of [world.environment['RATCHET_HTTP_PORT'] ?? '', '0', '0']) {
        const plane = new ControlPlane();
        plane.start({ ...world.environment, RATCHET_HTTP_PORT: port });
        planes.push(plane);
      }
      world.guard = () => {
        const ended = planes.find(({ ending }) => ending !== null);
        if (ended !== undefined) throw new Error(`One ended by itself: ${ended.lastLines.slice(-10).join('\n')}`);
      };
      let over = false;
      const zombie = (async () => {
        let times = 0;
        // Never the first one: somebody has to answer.
        for (; !over; times += 1) {
          const plane = planes[1 + (times % 2)];
          plane?.signal('SIGSTOP');
          await pause(STOPPED_MS);
          plane?.signal('SIGCONT');
          await pause(1_000);
        }
        return times;
      })();
      await Promise.all(MODELS.map((model) => promotion(world, model)));
      over = true;
      expect(await zombie).toBeGreaterThan(0);
      await until(
        'order',
        async () => ((await disorder(world)).length === 0 ? true : null),
        60,
        () => disorder(world),
      );
      for (const model of MODELS) expect(await accountOf(world, model)).toEqual(PROMOTION_ACCOUNT);
      expect([...world.runner.runs].sort()).toEqual(MODELS.map((model) => `${model}-t1-job-a1`).sort());
    },
    8 * MINUTES,
  );
});
