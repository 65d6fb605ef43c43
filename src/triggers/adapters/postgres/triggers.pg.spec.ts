import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { schemaDrift } from '../../../platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { triggersPersistence } from '../../persistence.js';
import { aFinding, aTrigger, later, T0 } from '../../testing/index.js';
import { PostgresTriggerLedger } from './postgres-trigger-ledger.js';
import { PostgresTriggerStore } from './postgres-trigger-store.js';

describe('the stores of triggers', () => {
  let test: TestDatabase;
  let store: PostgresTriggerStore;
  beforeAll(async () => {
    test = await openTestDatabase([triggersPersistence]);
    store = new PostgresTriggerStore(test.db);
  }, 60_000);
  afterAll(() => test.close());

  const open = (number: number) => ({
    ...aTrigger(number, { findings: [aFinding('fidelity', 'alarm')] }),
    revision: 0,
  });

  it('gives back a trigger as it was and lets a model have one open', async () => {
    const saved = await store.save(open(1));
    expect(saved).toMatchObject({ spec: open(1).spec, status: { phase: 'Open' }, revision: 1 });
    expect(await store.save(open(1))).toEqual(saved);
    await expect(store.save(open(2))).rejects.toThrow();
    await store.save({ ...saved, status: { phase: 'Resolved', outcome: 'refused', detail: 'no', at: later(3) } });
    await store.save({ ...open(2), createdAt: later(4) });
    expect((await store.list('digits')).map(({ id, status }) => [id, status.phase])).toEqual([
      ['digits-t2', 'Open'],
      ['digits-t1', 'Resolved'],
    ]);
    expect(await store.find('digits-t9')).toBeNull();
  });

  it('lists decisions newest first, also within one instant', async () => {
    const decision = { model: 'digits', at: T0, action: 'wait', cause: 'unclear', trigger: null } as const;
    await store.recordDecision({ ...decision, reasons: ['first'] });
    await store.recordDecision({ ...decision, reasons: ['second'] });
    expect(await store.decisions('digits', 1)).toEqual([{ ...decision, reasons: ['second'] }]);
    expect(await store.decisions('other', 1)).toEqual([]);
  });

  it('keeps the largest charge of a trigger and counts a day', async () => {
    const ledger = new PostgresTriggerLedger(test.db);
    expect(await ledger.spent('digits', T0)).toBe(0);
    await ledger.charge('digits-t1', 'digits', 10, later(1));
    await ledger.charge('digits-t1', 'digits', 12.5, later(2));
    await ledger.charge('digits-t1', 'digits', 3, later(3));
    await ledger.charge('digits-t2', 'digits', 1, later(9));
    expect(await ledger.spent('digits', T0)).toBe(13.5);
    expect(await ledger.spent('digits', later(5))).toBe(1);
  });

  it('lets only one at a time open triggers of a model', async () => {
    const ledger = new PostgresTriggerLedger(test.db);
    await expect(ledger.exclusively('digits')).rejects.toThrow('unit of work');
    const order: string[] = [];
    const section = (name: string) =>
      test.db.run(async () => {
        await ledger.exclusively('digits');
        order.push(`${name} in`);
        await test.db.query('SELECT 1');
        order.push(`${name} out`);
      });
    await Promise.all([section('a'), section('b')]);
    expect(order[0]?.charAt(0)).toBe(order[1]?.charAt(0));
  });

  it('has the schema that its entities describe', async () => {
    expect(await schemaDrift(test.db.dataSource)).toEqual([]);
  });
});
