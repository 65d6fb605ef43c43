import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Aggregate, NotFound, RevisionConflict } from '../../kernel/index.js';
import { AGGREGATE_COLUMNS, AggregateTable, type Database, schemaDrift } from './index.js';
import { openTestDatabase, type TestDatabase } from './testing/index.js';

type Thing = Aggregate<{ wish: string }, { phase: 'New' } | { phase: 'Done'; at: Date }>;

describe('AggregateTable', () => {
  let test: TestDatabase;
  let db: Database;
  let table: AggregateTable<Thing>;
  const thing = (id: string): Thing => ({
    id,
    model: 'm',
    spec: { wish: 'x' },
    status: { phase: 'New' },
    revision: 0,
    createdAt: new Date('2026-01-01T00:00:00.000Z'),
    updatedAt: new Date('2026-01-01T00:00:00.000Z'),
  });

  beforeAll(async () => {
    test = await openTestDatabase([]);
    db = test.db;
    await db.query(`CREATE TABLE platform.thing (${AGGREGATE_COLUMNS})`);
    table = new AggregateTable<Thing>(db, 'platform.thing', 'thing');
  }, 60_000);
  afterAll(() => test.close());

  it('gives back what was saved, dates included', async () => {
    const saved = await table.save(thing('a'));
    const done = await table.save({ ...saved, status: { phase: 'Done', at: new Date('2026-02-03T04:05:06.789Z') } });
    expect(done.revision).toBe(2);
    expect((await table.require('a')).status).toEqual({ phase: 'Done', at: new Date('2026-02-03T04:05:06.789Z') });
  });

  it('creates once: a second insert changes nothing and returns what is stored', async () => {
    await table.save(thing('b'));
    const again = await table.save({ ...thing('b'), spec: { wish: 'other' } });
    expect(again.spec.wish).toBe('x');
    expect(again.revision).toBe(1);
  });

  it('refuses a save that is based on an outdated revision', async () => {
    const first = await table.save(thing('c'));
    await table.save({ ...first, status: { phase: 'Done', at: new Date(0) } });
    await expect(table.save({ ...first, status: { phase: 'New' } })).rejects.toThrow(RevisionConflict);
  });

  it('names what is not there', async () => {
    await expect(table.require('nobody')).rejects.toThrow(NotFound);
  });

  it('rolls back everything in a unit of work that fails, and joins nested ones', async () => {
    const failing = db.run('test.work', async () => {
      await table.save(thing('d'));
      await db.run('test.work', () => table.save(thing('e')));
      throw new Error('after all');
    });
    await expect(failing).rejects.toThrow('after all');
    expect(await table.find('d')).toBeNull();
    expect(await table.find('e')).toBeNull();
  });

  it('runs afterCommit callbacks only when the transaction committed', async () => {
    const seen: string[] = [];
    await db.run('test.work', async () => {
      db.afterCommit(() => seen.push('committed'));
      await db.query('SELECT 1');
      expect(seen).toEqual([]);
    });
    expect(seen).toEqual(['committed']);
  });

  it('counts affected rows', async () => {
    await table.save(thing('f'));
    expect(await db.affected(`UPDATE platform.thing SET model = 'n' WHERE id = $1`, ['f'])).toBe(1);
    expect(await db.affected(`UPDATE platform.thing SET model = 'n' WHERE id = $1`, ['none'])).toBe(0);
  });

  it("has the schema that the platform's entities describe", async () => {
    await db.query('DROP TABLE IF EXISTS platform.thing_other');
    expect(await schemaDrift(test.db.dataSource)).toEqual([]);
  });
});
