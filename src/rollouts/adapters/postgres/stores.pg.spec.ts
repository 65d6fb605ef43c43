import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { schemaDrift } from '../../../platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { rolloutsPersistence } from '../../persistence.js';
import { FakeClock } from '../../../kernel/testing/index.js';
import { isSettled, type RolloutStatus } from '../../domain/rollout.js';
import type { DecisionRecord } from '../../ports.js';
import { aReading, aRollout, at, CHAMPION, POLICY, progressing } from '../../testing/index.js';
import { PostgresDecisionLog } from './decision-log.js';
import { PostgresRolloutRequests } from './rollout-requests.js';
import { PostgresRolloutSights } from './rollout-sights.js';
import { PostgresRolloutStore } from './rollout-store.js';

const SEEN = { actualWeight: 10, readings: [aReading('PASS')], championNow: CHAMPION, request: null };
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

  it('load what older versions have written', async () => {
    const old = { phase: 'Promoted', at: at(1) } as const;
    const saved = await store.save({ ...aRollout(), id: 'old-r', model: 'old', status: old });
    expect(saved.status).toEqual(old);
    expect(isSettled(saved.status)).toBe(true);
    expect((await store.listUnsettled()).map(({ id }) => id)).not.toContain('old-r');
  });

  it('know whose traffic a model or a target has, until it was given back', async () => {
    const target = { kind: 'webhook', endpoint: 'edge' } as const;
    const policy = { ...POLICY, target };
    const make = (id: string, model: string, status: RolloutStatus) =>
      store.save({ ...aRollout(status, policy), id, model });
    const holder = await make('a-r', 'a', { phase: 'Aborted', at: at(1), by: 'ann', reason: '', givenBackAt: null });
    const sameModel = await make('a2-r', 'a', { phase: 'Pending' });
    const sameTarget = await make('b-r', 'b', { phase: 'Pending' });
    const other = await store.save({ ...aRollout({ phase: 'Pending' }), id: 'c-r', model: 'c' });
    expect(await Promise.all([sameModel, sameTarget, other].map((each) => store.blocking(each)))).toEqual([
      ...['a-r', 'a-r', null],
    ]);
    expect((await store.listUnsettled()).map(({ id }) => id)).toEqual(['a-r']);
    await store.save({ ...holder, status: { ...holder.status, givenBackAt: at(2) } as RolloutStatus });
    expect(await store.blocking(sameTarget)).toBeNull();
    expect(await store.listUnsettled()).toEqual([]);
  });

  it('let only one of two claim a target at the same moment', async () => {
    const policy = { ...POLICY, target: { kind: 'webhook', endpoint: 'race' } as const };
    const claim = async (name: string) => {
      const mine = await store.save({ ...aRollout({ phase: 'Pending' }, policy), id: `${name}-r`, model: name });
      return test.db.run('test.work', async () => {
        if ((await store.blocking(mine)) !== null) return false;
        await test.db.query('SELECT pg_sleep(0.02)');
        await store.save({ ...mine, status: progressing() });
        return true;
      });
    };
    expect((await Promise.all(['race1', 'race2', 'race3'].map(claim))).filter(Boolean)).toHaveLength(1);
  });

  it('list the attempts of a candidate, the first one first, and not what took its promotion back', async () => {
    const first = {
      ...aRollout({ phase: 'Aborted', at: at(1), by: 'ann', reason: '' }),
      id: 'tried-r',
      model: 'tried',
    };
    const spec = { ...first.spec, candidate: 'tried' };
    await store.save({ ...first, spec });
    await store.save({ ...first, id: 'tried-r2', spec: { ...spec, attempt: 2 }, createdAt: at(5) });
    await store.save({ ...first, id: 'tried-b-t', spec: { ...spec, undoes: 'tried-r2' }, createdAt: at(6) });
    expect((await store.ofCandidate('tried')).map(({ id }) => id)).toEqual(['tried-r', 'tried-r2']);
  });

  it('keep the newest sight', async () => {
    const sights = new PostgresRolloutSights(test.db);
    const sight = { at: at(3), readings: [aReading('PASS')], confirmBy: at(9), routerError: null, closingAttempts: 0 };
    await sights.put('s', { ...sight, actualReason: 'why', at: at(1) });
    await sights.put('s', { ...sight, actualReason: null });
    expect(await sights.find('s')).toEqual({ ...sight, actualReason: null });
    expect(await sights.find('t')).toBeNull();
  });

  it('keep decisions as they were made, the newest thousand of a rollout, and none older than 90 days', async () => {
    const clock = new FakeClock(at(0));
    const log = new PostgresDecisionLog(test.db, clock);
    const record = (seq: number, when = at(0), rollout = 'd'): DecisionRecord => ({
      ...{ rollout, seq, at: when, before: progressing(), policy: CHAMPION, functions: 'rollouts/1' },
      observation: seq === 2 ? null : { ...SEEN, now: when },
      decision: { status: progressing(), traffic: 10, answered: null },
    });
    for (const seq of [1, 2, 2, 3]) await log.append(record(seq));
    expect(await log.list('d', 0, 10)).toEqual([record(1), record(2), record(3)]);
    expect((await log.list('d', 1, 1)).map(({ seq }) => seq)).toEqual([2]);
    await test.db.query(
      `INSERT INTO rollouts.decision SELECT 'd', n, at, before, observation, decision, policy, functions
       FROM rollouts.decision, generate_series(4, 1003) AS n WHERE rollout = 'd' AND seq = 1`,
    );
    await log.append(record(1_004));
    expect((await log.list('d', 0, 2_000)).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 1_000 }, (_, n) => n + 5),
    );
    clock.advance(91 * 86_400_000);
    for (let seq = 1; seq <= 6; seq += 1) await log.append(record(seq, clock.now(), 'e'));
    expect(await log.list('d', 0, 10)).toEqual([]);
    expect(await log.list('e', 0, 10)).toHaveLength(6);
  });

  it('have the schema that the entities describe', async () => {
    expect(await schemaDrift(test.db.dataSource)).toEqual([]);
  });
});
