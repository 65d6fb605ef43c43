import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AuditEntry } from '../../kernel/index.js';
import { FakeClock } from '../../kernel/testing/index.js';
import { openTestDatabase, type TestDatabase } from '../postgres/testing/index.js';
import { PostgresAuditLog } from './adapters/postgres/audit-log.js';
import { PostgresAuditReader } from './adapters/postgres/audit-reader.js';
import { platformHttpPersistence } from './persistence.js';

const entry = (changes: Partial<AuditEntry> = {}): AuditEntry => ({
  actor: 'ann',
  role: 'operator',
  action: 'models.apply',
  subject: 'model/digits',
  reason: 'because',
  detail: { generation: 1 },
  ...changes,
});

const ENTRIES = 12;

describe('the audit log', () => {
  let test: TestDatabase;
  let log: PostgresAuditLog;
  let reader: PostgresAuditReader;
  const clock = new FakeClock();

  beforeAll(async () => {
    test = await openTestDatabase([platformHttpPersistence]);
    log = new PostgresAuditLog(test.db, clock);
    reader = new PostgresAuditReader(test.db);
    for (let n = 1; n <= ENTRIES; n += 1) {
      clock.advance(1_000);
      await test.db.run('test.work', () => log.append(entry({ reason: `reason ${n}`, detail: { n } })));
    }
  });
  afterAll(() => test.close());

  it('is one chain', async () => {
    expect(await reader.verify()).toMatchObject({ intact: true, entries: ENTRIES });
  });

  it('takes entries only inside the unit of work of their change', async () => {
    await expect(log.append(entry())).rejects.toThrow('unit of work');
  });

  it('forgets what was rolled back and leaves no gap', async () => {
    const failed = test.db.run('test.work', async () => {
      await log.append(entry());
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await reader.verify()).toMatchObject({ intact: true, entries: ENTRIES });
  });

  it.each([
    `UPDATE platform.audit_entry SET reason = 'x'`,
    'DELETE FROM platform.audit_entry WHERE seq = 3',
    'TRUNCATE platform.audit_entry',
  ])('refuses %s', async (statement) => {
    await expect(test.db.query(statement)).rejects.toThrow('append-only');
  });

  it('gives pages from the newest to the oldest', async () => {
    const query = { limit: 5, before: null, subject: null, actor: null };
    const first = await reader.page(query);
    expect(first.map((record) => record.seq)).toEqual([12, 11, 10, 9, 8]);
    const second = await reader.page({ ...query, before: 8 });
    expect(second.map((record) => record.seq)).toEqual([7, 6, 5, 4, 3]);
    expect(await reader.page({ ...query, actor: 'nobody' })).toEqual([]);
  });

  /** Does something to the table that its owner could do, looks, and takes it back. */
  async function tampered(statements: readonly string[]) {
    let verdict: Awaited<ReturnType<typeof reader.verify>> | undefined;
    const undone = test.db.run('test.work', async () => {
      await test.db.query('ALTER TABLE platform.audit_entry DISABLE TRIGGER ALL');
      for (const statement of statements) await test.db.query(statement);
      verdict = await reader.verify();
      throw new Error('take it back');
    });
    await expect(undone).rejects.toThrow('take it back');
    return verdict;
  }

  const seq = fc.integer({ min: 1, max: ENTRIES });
  const runs = { numRuns: 25 };

  it('shows the entry that was changed, whatever of it', async () => {
    const change = fc.constantFrom(
      `actor = 'eve'`,
      `role = 'admin'`,
      `action = 'models.other'`,
      `subject = 'model/other'`,
      `reason = reason || '!'`,
      `detail = '{"n": 99}'`,
      `at = at + interval '1 millisecond'`,
      `hash = sha256(hash)`,
      `prev_hash = sha256(prev_hash)`,
    );
    await fc.assert(
      fc.asyncProperty(seq, change, async (at, what) => {
        const verdict = await tampered([`UPDATE platform.audit_entry SET ${what} WHERE seq = ${at}`]);
        expect(verdict).toMatchObject({ intact: false, seq: at });
      }),
      runs,
    );
  });

  it('shows the entry that is missing, the newest too', async () => {
    await fc.assert(
      fc.asyncProperty(seq, async (at) => {
        const verdict = await tampered([`DELETE FROM platform.audit_entry WHERE seq = ${at}`]);
        expect(verdict).toMatchObject({ intact: false, seq: at });
      }),
      runs,
    );
  });

  it('shows the first of two entries that changed places', async () => {
    await fc.assert(
      fc.asyncProperty(seq, seq, async (a, b) => {
        fc.pre(a !== b);
        const swap = [`${a} TO -1`, `${b} TO ${a}`, `-1 TO ${b}`].map((step) => step.split(' TO '));
        const verdict = await tampered(
          swap.map(([from, to]) => `UPDATE platform.audit_entry SET seq = ${to} WHERE seq = ${from}`),
        );
        expect(verdict).toMatchObject({ intact: false, seq: Math.min(a, b) });
      }),
      runs,
    );
  });

  it('keeps whatever text and detail it is given, and stays one chain', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.jsonValue(), async (reason, value) => {
        await test.db.run('test.work', () => log.append(entry({ reason, detail: { value } })));
        expect(await reader.verify()).toMatchObject({ intact: true });
      }),
      { numRuns: 40 },
    );
  });

  it('is one chain when many append at once', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        test.db.run('test.work', () => log.append(entry({ reason: `at once ${n}` }))),
      ),
    );
    expect(await reader.verify()).toMatchObject({ intact: true });
  });
});
