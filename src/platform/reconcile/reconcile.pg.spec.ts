import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { factType, type ReconcileResult, TerminalError } from '../../kernel/index.js';
import { CountingIds, FakeClock } from '../../kernel/testing/index.js';
import { openTestDatabase, type TestDatabase } from '../postgres/testing/index.js';
import { OutboxFactBus } from './outbox-fact-bus.js';
import { PostgresWorkQueue } from './postgres-work-queue.js';

const settings = { pollMs: 100, concurrency: 4, leaseSeconds: 10, retryBaseMs: 0, retryMaxMs: 0 };

describe('the work queue', () => {
  let test: TestDatabase;
  let ids: CountingIds;
  beforeAll(async () => {
    test = await openTestDatabase([]);
  }, 60_000);
  afterAll(() => test.close());
  beforeEach(async () => {
    ids = new CountingIds();
    await test.db.query('TRUNCATE platform.work_item');
  });

  const queueOf = (reconcile: (key: string) => Promise<ReconcileResult>): PostgresWorkQueue => {
    const queue = new PostgresWorkQueue(test.db, ids, settings);
    queue.register({ kind: 'thing', reconcile });
    return queue;
  };
  const drain = async (queue: PostgresWorkQueue): Promise<void> => {
    while ((await queue.tick()) > 0) await queue.idle();
  };
  const rows = () =>
    test.db.query<{ key: string; attempts: number; parked_reason: string | null }>('SELECT * FROM platform.work_item');

  it('runs an enqueued key once, however often it was enqueued before', async () => {
    const seen: string[] = [];
    const queue = queueOf((key) => {
      seen.push(key);
      return Promise.resolve({});
    });
    await queue.enqueue('thing', 'a');
    await queue.enqueue('thing', 'a');
    await drain(queue);
    expect(seen).toEqual(['a']);
    expect(await rows()).toEqual([]);
  });

  it('runs a key again that was enqueued while its pass ran', async () => {
    let passes = 0;
    const queue = queueOf(async () => {
      passes += 1;
      if (passes === 1) await queue.enqueue('thing', 'a');
      return {};
    });
    await queue.enqueue('thing', 'a');
    await drain(queue);
    expect(passes).toBe(2);
  });

  it('makes many keys due at once, each one time', async () => {
    const seen: string[] = [];
    const queue = queueOf((key) => {
      seen.push(key);
      return Promise.resolve({});
    });
    await queue.enqueueAll('thing', ['b', 'a', 'b']);
    await queue.enqueueAll('thing', []);
    await drain(queue);
    expect(seen.sort()).toEqual(['a', 'b']);
  });

  it.each([
    ['the rest', 'urgent', 'thing'],
    ['the urgent', 'thing', 'urgent'],
  ])('keeps room from %s, however much of it is due', async (_, late, early) => {
    const started: string[] = [];
    let end = (): void => undefined;
    const held = new Promise<void>((resolve) => (end = resolve));
    const reconcile = async (key: string): Promise<ReconcileResult> => {
      started.push(key);
      await held;
      return {};
    };
    const queue = new PostgresWorkQueue(test.db, ids, settings);
    queue.register({ kind: 'thing', reconcile });
    queue.register({ kind: 'urgent', urgent: true, reconcile });
    await queue.enqueueAll(
      early,
      Array.from({ length: 9 }, (__, n) => `early-${n}`),
    );
    await queue.tick();
    expect(started).toHaveLength(3);
    await queue.enqueue(late, 'late');
    await queue.tick();
    expect(started).toEqual(expect.arrayContaining(['late']));
    expect(started).toHaveLength(4);
    end();
    await queue.idle();
  });

  it('shares its places among the kinds, however long one of them has been due', async () => {
    const running: string[] = [];
    const ends = new Map<string, () => void>();
    const queue = new PostgresWorkQueue(test.db, ids, settings);
    for (const kind of ['sweep', 'monitor', 'idle'])
      queue.register({
        kind,
        reconcile: (key) => {
          running.push(kind);
          return new Promise((resolve) => {
            ends.set(key, () => {
              running.splice(running.indexOf(kind), 1);
              resolve({});
            });
          });
        },
      });
    const keysOf = (kind: string) => Array.from({ length: 9 }, (_, n) => `${kind}-${n}`);
    await queue.enqueueAll('sweep', keysOf('sweep'));
    await queue.tick();
    expect(running).toEqual(['sweep', 'sweep', 'sweep', 'sweep']);
    await queue.enqueueAll('monitor', keysOf('monitor'));
    const seen: string[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      // The pass that has run for longest ends.
      const [key = ''] = [...ends.keys()];
      ends.get(key)?.();
      ends.delete(key);
      while ((await queue.tick()) === 0) await new Promise((next) => setImmediate(next));
      seen.push([...running].sort().join(' '));
    }
    expect(seen[0]).toBe('monitor sweep sweep sweep');
    expect(seen.slice(1)).toEqual(Array.from({ length: 5 }, () => 'monitor monitor sweep sweep'));
    for (const end of ends.values()) end();
    await queue.idle();
  });

  it('tries again after an error, and parks after a terminal one until somebody asks again', async () => {
    const outcomes = [new Error('first'), new TerminalError('never')];
    const queue = queueOf(() => {
      const error = outcomes.shift();
      return error ? Promise.reject(error) : Promise.resolve({});
    });
    await queue.enqueue('thing', 'a');
    await drain(queue);
    expect(await rows()).toMatchObject([{ key: 'a', parked_reason: 'never' }]);
    await queue.enqueue('thing', 'a');
    await drain(queue);
    expect(await rows()).toEqual([]);
  });

  it('gives one key to one process at a time', async () => {
    let atOnce = 0;
    let most = 0;
    let release: () => void = () => undefined;
    const gate = new Promise<void>((done) => (release = done));
    const work = async (): Promise<ReconcileResult> => {
      most = Math.max(most, ++atOnce);
      await gate;
      atOnce -= 1;
      return {};
    };
    const [one, two] = [queueOf(work), queueOf(work)];
    await one.enqueue('thing', 'a');
    const taken = [await one.tick(), await two.tick(), await one.tick()];
    release();
    await one.idle();
    expect(taken).toEqual([1, 0, 0]);
    expect(most).toBe(1);
  });

  it('takes over a key whose holder died, once the lease ran out', async () => {
    const dead = new PostgresWorkQueue(test.db, ids, settings);
    dead.register({ kind: 'thing', reconcile: () => new Promise(() => undefined) });
    await dead.enqueue('thing', 'a');
    await dead.tick();
    const seen: string[] = [];
    const successor = queueOf((key) => {
      seen.push(key);
      return Promise.resolve({});
    });
    expect(await successor.tick()).toBe(0);
    await test.db.query(`UPDATE platform.work_item SET lease_until = now() - interval '1 second'`);
    await drain(successor);
    expect(seen).toEqual(['a']);
    await dead.stop(0);
  });

  it('takes over first, however much else has been due for longer', async () => {
    const dead = new PostgresWorkQueue(test.db, ids, settings);
    dead.register({ kind: 'thing', reconcile: () => new Promise(() => undefined) });
    await dead.enqueue('thing', 'abandoned');
    await dead.tick();
    await test.db.query(`UPDATE platform.work_item SET lease_until = now() - interval '1 second'`);
    const seen: string[] = [];
    const successor = queueOf((key) => {
      seen.push(key);
      return Promise.resolve({});
    });
    await successor.enqueueAll(
      'thing',
      Array.from({ length: 20 }, (_, n) => `due-${n}`),
    );
    await successor.tick();
    expect(seen).toHaveLength(settings.concurrency);
    expect(seen).toContain('abandoned');
    await successor.idle();
    await dead.stop(0);
  });

  it('keeps a later due time and prefers the earlier of two', async () => {
    const queue = queueOf(() => Promise.resolve({}));
    await queue.enqueue('thing', 'a', 60_000);
    expect(await queue.tick()).toBe(0);
    await queue.enqueue('thing', 'a', 0);
    expect(await queue.tick()).toBe(1);
    await queue.idle();
  });

  it('refuses a second reconciler of one kind', () => {
    const queue = queueOf(() => Promise.resolve({}));
    expect(() => {
      queue.register({ kind: 'thing', reconcile: () => Promise.resolve({}) });
    }).toThrow('thing');
  });
});

describe('the outbox', () => {
  const Happened = factType<{ n: number; at: Date }>('test.happened');
  let test: TestDatabase;
  let bus: OutboxFactBus;
  beforeAll(async () => {
    test = await openTestDatabase([]);
  }, 60_000);
  afterAll(() => test.close());
  beforeEach(async () => {
    await test.db.query('TRUNCATE platform.outbox');
    bus = new OutboxFactBus(test.db, new CountingIds(), new FakeClock());
  });
  const publish = (n: number) => test.db.run('test.work', () => bus.publish(Happened, { n, at: new Date(0) }));

  it('delivers in order, once each, with dates intact', async () => {
    const seen: unknown[] = [];
    bus.subscribe(Happened, 'spec', (fact) => {
      seen.push(fact.data);
      return Promise.resolve();
    });
    for (const n of [1, 2, 3]) await publish(n);
    expect(await bus.relay()).toBe(3);
    expect(await bus.relay()).toBe(0);
    expect(seen).toEqual([1, 2, 3].map((n) => ({ n, at: new Date(0) })));
  });

  it('forgets a fact whose unit of work failed', async () => {
    const failing = test.db.run('test.work', async () => {
      await bus.publish(Happened, { n: 1, at: new Date(0) });
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await bus.relay()).toBe(0);
  });

  it('refuses a fact outside a unit of work', async () => {
    await expect(bus.publish(Happened, { n: 1, at: new Date(0) })).rejects.toThrow('unit of work');
  });

  it('undoes what a failing handler wrote, delivers to nobody and tries again', async () => {
    let fail = true;
    await test.db.query('CREATE TABLE IF NOT EXISTS platform.seen (n int)');
    bus.subscribe(Happened, 'spec', async (fact) => {
      await test.db.query('INSERT INTO platform.seen VALUES ($1)', [fact.data.n]);
      if (fail) throw new Error('not now');
    });
    await publish(7);
    await bus.relay(1);
    expect(await test.db.query('SELECT n FROM platform.seen')).toEqual([]);
    fail = false;
    await test.db.query('UPDATE platform.outbox SET next_try_at = now()');
    await bus.relay();
    expect(await test.db.query('SELECT n FROM platform.seen')).toEqual([{ n: 7 }]);
  });
});
