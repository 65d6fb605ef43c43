import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createDataSource, Database } from '../../src/platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../src/platform/postgres/testing/index.js';
import { type NetworkMode, PASS, TcpProxy } from '../support/tcp-proxy.js';

const PATIENCE = { idleTransactionMs: 2_000, statementMs: 1_000, connectMs: 1_500 };
/** Until a statement on a dead connection is given up: the statement's limit and the 2 s of grace, and some for a busy machine. */
const GIVEN_UP_MS = 3_000 + 2_500;

describe('PostgreSQL behind a network', () => {
  let test: TestDatabase;
  let proxy: TcpProxy;
  let db: Database;

  beforeEach(async () => {
    test = await openTestDatabase([]);
    await test.db.query('CREATE TABLE number (n integer PRIMARY KEY)');
    const { hostname, port } = new URL(test.url);
    proxy = await TcpProxy.start({ host: hostname, port: Number(port) });
    const source = createDataSource(proxy.through(test.url), [], 2, PATIENCE);
    await source.initialize();
    db = new Database(source);
  });
  afterEach(async () => {
    proxy.set(PASS);
    await db.dataSource.destroy();
    await proxy.close();
    await test.close();
  });

  const insert = (n: number) => db.affected('INSERT INTO number VALUES ($1) ON CONFLICT DO NOTHING', [n]);
  const numbers = async () => (await test.db.query<{ n: number }>('SELECT n FROM number ORDER BY n')).map(({ n }) => n);
  async function took(work: () => Promise<unknown>): Promise<number> {
    const began = performance.now();
    await work();
    return performance.now() - began;
  }
  /** Again until it succeeds: what the work queue does with a pass that failed. */
  async function eventually(work: () => Promise<unknown>): Promise<void> {
    for (;;) {
      const [outcome] = await Promise.allSettled([work()]);
      if (outcome.status === 'fulfilled') return;
      await new Promise((done) => setTimeout(done, 50));
    }
  }

  it.each<[string, NetworkMode]>([
    ['swallows everything', { kind: 'black-hole' }],
    ['loses every answer', { kind: 'half-open' }],
  ])(
    'that %s: a statement is given up, and so is the connection',
    async (_, mode) => {
      await insert(1);
      proxy.set(mode);
      const failing = insert(2);
      expect(await took(() => expect(failing).rejects.toThrow(/no answer within 3000 ms|terminated/))).toBeLessThan(
        GIVEN_UP_MS,
      );
      // The connection's other end is gone for good, and nobody says so: the next statement must not get the same one.
      proxy.passNewConnections();
      expect(await took(() => insert(3))).toBeLessThan(2_500);
      expect(await numbers()).toEqual(expect.arrayContaining([1, 3]));
    },
    20_000,
  );

  it('that lets nobody in: asking for a connection ends, and works again once the network does', async () => {
    proxy.set({ kind: 'black-hole' });
    const fresh = createDataSource(proxy.through(test.url), [], 1, PATIENCE);
    expect(await took(() => expect(fresh.initialize()).rejects.toThrow(/timeout/))).toBeLessThan(GIVEN_UP_MS);
    proxy.set(PASS);
    await fresh.initialize();
    await fresh.destroy();
  }, 20_000);

  it('that has one connection less than are wanted: who waits too long is told so', async () => {
    const waiting: (() => void)[] = [];
    let isOver = false;
    const blocked = [1, 2].map(() =>
      db.run('test.hold', async () => {
        await db.query('SELECT 1');
        for (const tell of waiting.splice(0)) tell();
        // A transaction that does nothing would be ended; these are at work.
        while (!isOver) {
          await new Promise((done) => setTimeout(done, 200));
          await db.query('SELECT 1');
        }
      }),
    );
    // The pool has two connections and gives them out in order, so both are held once the second one is.
    for (const _ of blocked) await new Promise<void>((resolve) => waiting.push(resolve));
    await expect(insert(1).finally(() => (isOver = true))).rejects.toThrow(/timeout exceeded when trying to connect/);
    await Promise.all(blocked);
    await insert(1);
  }, 20_000);

  it('that resets a commit on its way: the outcome is unknown, and doing it again does it once', async () => {
    proxy.set({ kind: 'half-open' });
    // The statement arrives and commits; only the answer is lost.
    await expect(insert(7)).rejects.toThrow();
    proxy.set({ kind: 'reset' });
    await expect(insert(7)).rejects.toThrow();
    proxy.set(PASS);
    await eventually(() => insert(7));
    expect(await numbers()).toEqual([7]);
  }, 20_000);

  it.each<[string, NetworkMode]>([
    ['slow', { kind: 'latency', ms: 60 }],
    ['narrow', { kind: 'bandwidth', bytesPerSecond: 20_000 }],
  ])('that is only %s fails nothing', async (_, mode) => {
    proxy.set(mode);
    await Promise.all([1, 2, 3, 4].map(insert));
    expect(await numbers()).toEqual([1, 2, 3, 4]);
  });

  it('ends the session of a transaction that is cut off, so that its locks are free', async () => {
    const stuck = db.run('test.stuck', async () => {
      await db.query('LOCK TABLE number IN EXCLUSIVE MODE');
      proxy.set({ kind: 'black-hole' });
      await db.query('SELECT 1');
    });
    const over = expect(stuck).rejects.toThrow();
    expect(
      await took(() =>
        eventually(() => test.db.run('test.other', () => test.db.query('INSERT INTO number VALUES (9)'))),
      ),
    ).toBeLessThan(PATIENCE.idleTransactionMs + 4_000);
    await over;
  }, 20_000);
});
