import { describe, expect, it } from '@jest/globals';
import { loneWrite } from './lone-write.js';

describe('the name of a statement that is a commit of its own', () => {
  it.each([
    ['INSERT INTO jobs.job (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET id = $1', 'jobs.job.insert'],
    ['UPDATE telemetry."window" AS w SET served = 1', 'telemetry.window.update'],
    ['DELETE FROM\n  models.change_lock WHERE model = $1', 'models.change_lock.delete'],
    ['WITH gone AS (DELETE FROM a.b RETURNING 1) INSERT INTO c.d SELECT 1', 'a.b.delete'],
    ['SELECT 1 FROM jobs.job WHERE id = $1 FOR UPDATE SKIP LOCKED', null],
    ['SAVEPOINT attempt', null],
  ])('%s', (sql, name) => {
    expect(loneWrite(sql)).toBe(name);
  });
});
