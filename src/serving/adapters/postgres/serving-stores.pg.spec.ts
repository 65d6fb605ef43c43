import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { servingPersistence } from '../../persistence.js';
import { aRoute, digestOf } from '../../testing/index.js';
import { PostgresGatewayRegister } from './gateway-register.js';
import { PostgresGatewayStatus } from './gateway-status.js';
import { PostgresRouteStore } from './route-store.js';

let database: TestDatabase;
let routes: PostgresRouteStore;
let register: PostgresGatewayRegister;
let status: PostgresGatewayStatus;

beforeAll(async () => {
  database = await openTestDatabase([servingPersistence]);
  routes = new PostgresRouteStore(database.db);
  register = new PostgresGatewayRegister(database.db);
  status = new PostgresGatewayStatus(database.db);
});

afterAll(async () => database.close());

beforeEach(async () => {
  await database.db.query('TRUNCATE serving.route, serving.gateway');
});

describe('routes', () => {
  const full = aRoute({
    candidate: digestOf('candidate'),
    weight: 12.5,
    mirror: digestOf('mirror'),
    mirrorFraction: 0.25,
    confirmBy: new Date('2026-01-01T00:00:00.123Z'),
  });

  it('come back as they were stated', async () => {
    expect(await routes.find('digits')).toBeNull();
    expect(await routes.state(full)).toEqual(full);
    expect(await routes.find('digits')).toEqual(full);
    await routes.state(aRoute({ model: 'letters' }));
    expect((await routes.list()).map((route) => route.model)).toEqual(['digits', 'letters']);
  });

  it.each([
    ['stable', { stable: digestOf('other') }],
    ['candidate', { candidate: null }],
    ['weight', { weight: 13 }],
    ['mirror', { mirror: null }],
    ['mirrorFraction', { mirrorFraction: 0.5 }],
    ['salt', { salt: 'other' }],
  ])('get a new epoch when %s changes', async (_, change) => {
    await routes.state(full);
    expect(await routes.state({ ...full, ...change })).toEqual({ ...full, ...change, epoch: 2 });
  });

  it.each([
    ['a longer lease', { confirmBy: new Date('2026-01-01T00:01:00Z') }],
    ['no lease', { confirmBy: null }],
    ['nothing new', {}],
  ])('keep their epoch with %s', async (_, change) => {
    await routes.state(full);
    expect(await routes.state({ ...full, ...change })).toEqual({ ...full, ...change, epoch: 1 });
    expect(await routes.find('digits')).toEqual({ ...full, ...change, epoch: 1 });
  });

  it('raise the epoch once for each of many writers at the same time', async () => {
    await Promise.all(Array.from({ length: 12 }, (_, i) => routes.state({ ...full, weight: i })));
    expect((await routes.find('digits'))?.epoch).toBe(12);
  });

  it('belong to the unit of work', async () => {
    const failing = database.db.run('test.work', async () => {
      await routes.state(full);
      throw new Error('the promotion failed');
    });
    await expect(failing).rejects.toThrow('the promotion failed');
    expect(await routes.find('digits')).toBeNull();
  });
});

describe('what gateways have in force', () => {
  it('is unknown without a live gateway', async () => {
    expect(await status.epochInForce('digits')).toBeNull();
    await register.report('a', new Map([['digits', 3]]));
    await database.db.query("UPDATE serving.gateway SET seen_at = clock_timestamp() - interval '6 seconds'");
    expect(await status.epochInForce('digits')).toBeNull();
  });

  it('is the lowest epoch of the live ones', async () => {
    await register.report(
      'a',
      new Map([
        ['digits', 3],
        ['letters', 9],
      ]),
    );
    await register.report('b', new Map([['digits', 2]]));
    expect([await status.epochInForce('digits'), await status.epochInForce('letters')]).toEqual([2, 9]);
    await register.report('b', new Map([['digits', 0]])); // the wanted route does not load there
    expect(await status.epochInForce('digits')).toBe(0);
    await register.leave('b');
    expect(await status.epochInForce('digits')).toBe(3);
  });

  it('keeps the time since when an epoch is in force over heartbeats', async () => {
    const since = async () =>
      (await database.db.query<{ at: Date }>('SELECT in_force_at AS at FROM serving.gateway'))[0]!.at.getTime();
    await register.report('a', new Map([['digits', 1]]));
    const first = await since();
    await register.report('a', new Map([['digits', 1]]));
    expect(await since()).toBe(first);
    await register.report('a', new Map([['digits', 2]]));
    expect(await since()).toBeGreaterThanOrEqual(first);
  });

  it('forgets models that are gone and gateways that died long ago', async () => {
    await register.report('dead', new Map([['digits', 1]]));
    await database.db.query("UPDATE serving.gateway SET seen_at = clock_timestamp() - interval '2 hours'");
    await register.report(
      'a',
      new Map([
        ['digits', 1],
        ['letters', 1],
      ]),
    );
    await register.report('a', new Map([['letters', 1]]));
    expect(await database.db.query('SELECT instance, model FROM serving.gateway')).toEqual([
      { instance: 'a', model: 'letters' },
    ]);
    await register.report('a', new Map());
    expect(await database.db.query('SELECT 1 FROM serving.gateway')).toEqual([]);
  });
});
