import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readConfiguration } from '../../src/app/configuration.js';
import { createApp } from '../../src/app/create-app.js';
import { PERSISTENCE } from '../../src/app/stages.js';
import { createDataSource } from '../../src/platform/postgres/index.js';
import { until } from '../support/until.js';
import { accountOf, disorder } from './accounts.js';
import { FaultyDatabase } from './faulty-database.js';
import { type FaultyWorld, openFaultyWorld } from './faulty-world.js';
import { people, PEOPLE_ACCOUNT, promotion, PROMOTION_ACCOUNT } from './scenarios.js';

const MINUTES = 60_000;

/** The whole program over a database that fails as databases do, each time with a seed that says when. */
describe('a store that fails', () => {
  let world: FaultyWorld;
  let db: FaultyDatabase;
  let app: NestFastifyApplication;
  afterEach(async () => {
    db.heal();
    await app.close();
    await db.dataSource.destroy();
    await world.close();
  });

  async function start(probability: number, seed: number): Promise<void> {
    world = await openFaultyWorld({ RATCHET_LOG_LEVEL: 'silent' });
    const source = createDataSource(world.database.url, PERSISTENCE, 10);
    await source.initialize();
    db = new FaultyDatabase(source, { seed, probability: 0 });
    const settings = readConfiguration(world.environment);
    app = await createApp(settings, db);
    await app.listen(Number(world.environment['RATCHET_HTTP_PORT']), '127.0.0.1');
    db.probability = probability;
  }

  it.each([
    { percent: 1, seed: 11 },
    { percent: 3, seed: 12 },
    { percent: 5, seed: 13 },
  ])(
    'at $percent % of statements and commits: the loop ends as ever, and so does what people ask for (seed $seed)',
    async ({ percent, seed }) => {
      await start(percent / 100, seed);
      await promotion(world);
      await people(world);
      const planted = { ...db.injected };
      db.heal();
      await until(
        'order',
        async () => ((await disorder(world)).length === 0 ? true : null),
        20,
        () => disorder(world),
      );
      await pause(0);
      expect(await accountOf(world, 'alone')).toEqual(PROMOTION_ACCOUNT);
      expect(await accountOf(world, 'people')).toEqual(PEOPLE_ACCOUNT);
      // A run in which nothing failed would show nothing.
      for (const kind of Object.keys(planted) as (keyof typeof planted)[]) expect(planted[kind]).toBeGreaterThan(0);
    },
    4 * MINUTES,
  );
});
