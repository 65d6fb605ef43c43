import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { schemaDrift } from '../../../platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { rolloutsPersistence } from '../../persistence.js';
import { aReading, aRollout, at, progressing } from '../../testing/index.js';
import { PostgresRolloutRequests } from './rollout-requests.js';
import { PostgresRolloutStore } from './rollout-store.js';

const wish = (verb: 'pause' | 'resume' | 'abort') => ({ verb, by: 'ann', reason: 'why' });

describe('the stores of rollouts', () => {
  let test: TestDatabase;
  let store: PostgresRolloutStore;
  let requests: PostgresRolloutRequests;
  beforeAll(async () => {
    test = await openTestDatabase([rolloutsPersistence]);
    store = new PostgresRolloutStore(test.db);
    requests = new PostgresRolloutRequests(test.db);
  }, 60_000);
  afterAll(() => test.close());

  it('give back a rollout as it was saved, evidence and times included', async () => {
    const saved = await store.save(aRollout());
    const status = progressing({ step: 1, inForceSince: at(3), readings: [aReading('PASS')] });
    await store.save({ ...saved, status });
    expect((await store.require(saved.id)).status).toEqual(status);
    expect((await store.listUnfinished()).map(({ id }) => id)).toEqual([saved.id]);
    expect(await store.list('digits')).toHaveLength(1);
  });

  it('keep the newest request, and an abort for good', async () => {
    await requests.put('a', wish('pause'));
    await requests.put('a', wish('resume'));
    await requests.clear('a', 'pause');
    expect(await requests.find('a')).toEqual(wish('resume'));
    await requests.put('a', wish('abort'));
    await requests.put('a', wish('resume'));
    await requests.clear('a', 'resume');
    expect(await requests.find('a')).toEqual(wish('abort'));
    expect(await requests.find('b')).toBeNull();
  });

  it('let only one at a time ask or promote', async () => {
    const { id } = await store.save(aRollout());
    await expect(requests.lock(id)).rejects.toThrow('unit of work');
    const order: string[] = [];
    const turn = (name: string) =>
      test.db.run('test.work', async () => {
        await requests.lock(id);
        order.push(`${name} in`);
        await test.db.query('SELECT pg_sleep(0.02)');
        order.push(`${name} out`);
      });
    await Promise.all([turn('a'), turn('b')]);
    expect([order[0]?.at(0), order[1], order[2]?.at(0)]).toEqual([
      order[0]?.at(0),
      `${order[0]?.at(0)} out`,
      order[0]?.startsWith('a') ? 'b' : 'a',
    ]);
  });

  it('have the schema that the entities describe', async () => {
    expect(await schemaDrift(test.db.dataSource)).toEqual([]);
  });
});
