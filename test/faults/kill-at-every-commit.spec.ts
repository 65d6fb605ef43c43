import { afterEach, describe, expect, it } from '@jest/globals';
import { until } from '../support/until.js';
import { accountOf, disorder } from './accounts.js';
import { everyFailpoint, KILLED_AT, placesOfTheProgram } from './boundaries.js';
import { type FaultyWorld, openFaultyWorld } from './faulty-world.js';
import { KillChain } from './kill-chain.js';
import { people, PEOPLE_ACCOUNT, promotion, PROMOTION_ACCOUNT } from './scenarios.js';

const MINUTES = 60_000;
const both = (names: readonly string[]) => names.flatMap((name) => [`${name}:before-commit`, `${name}:after-commit`]);

/**
 * Every process dies by SIGKILL at the first failpoint that no process before it died at, and the next one goes on; so one
 * run dies at every commit that its scenario has, on both sides of it, one after the other.
 */
describe('control planes that die one after the other, at every commit there is', () => {
  let world: FaultyWorld;
  let chain: KillChain;
  afterEach(async () => {
    await chain.stop();
    await world.close();
  });

  async function run(scenario: (world: FaultyWorld) => Promise<void>, without: readonly string[]): Promise<void> {
    world = await openFaultyWorld();
    const spared = new Set(both(without));
    chain = new KillChain(
      everyFailpoint(placesOfTheProgram()).filter((name) => !spared.has(name)),
      world.environment,
    );
    world.guard = () => {
      chain.check();
    };
    await scenario(world);
    chain.disarm();
    await until(
      'order',
      async () => ((await disorder(world)).length === 0 ? true : null),
      60,
      () => disorder(world),
    );
  }

  it(
    'on the way from traffic to a new champion: one trigger, one job, one promotion, one charge',
    async () => {
      await run(promotion, []);
      expect(await accountOf(world, 'alone')).toEqual(PROMOTION_ACCOUNT);
      expect(world.runner.runs).toEqual(['alone-t1-job-a1']);
      expect(both(KILLED_AT.promotion).filter((name) => !chain.deaths.includes(name))).toEqual([]);
    },
    12 * MINUTES,
  );

  it(
    'while people cancel, submit, reject and abort: each happens once and leaves nothing behind',
    async () => {
      await run(people, KILLED_AT.promotion);
      expect(await accountOf(world, 'people')).toEqual(PEOPLE_ACCOUNT);
      expect(world.runner.runs).toEqual(['people-t1-job-a1', 'people-t2-job-a1']);
      expect(both(KILLED_AT.people).filter((name) => !chain.deaths.includes(name))).toEqual([]);
    },
    12 * MINUTES,
  );
});
