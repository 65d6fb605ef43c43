import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openTestDatabase, type TestDatabase } from './testing/index.js';

describe('an attempt within a transaction', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await openTestDatabase([]);
    await test.db.query('CREATE TABLE number (n integer PRIMARY KEY)');
  });
  afterAll(async () => {
    await test.close();
  });

  const insert = (n: number) => test.db.affected('INSERT INTO number VALUES ($1)', [n]);
  const numbers = async () => (await test.db.query<{ n: number }>('SELECT n FROM number ORDER BY n')).map(({ n }) => n);

  it('undoes only itself when it fails, and the transaction goes on', async () => {
    const heard: string[] = [];
    await test.db.run('test.work', async () => {
      await insert(1);
      const failing = test.db.attempt(async () => {
        test.db.afterCommit(() => heard.push('undone'));
        await insert(2);
        await insert(1);
      });
      await expect(failing).rejects.toThrow(/duplicate key/);
      await test.db.attempt(() => insert(3));
      test.db.afterCommit(() => heard.push('kept'));
    });
    expect(await numbers()).toEqual([1, 3]);
    expect(heard).toEqual(['kept']);
  });

  it('is a transaction of its own where there is none', async () => {
    const failing = test.db.attempt(async () => {
      await insert(4);
      await insert(4);
    });
    await expect(failing).rejects.toThrow(/duplicate key/);
    expect(await numbers()).not.toContain(4);
  });
});
