import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { schemaDrift } from '../../../platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import type { TriggerStatus } from '../../domain/trigger.js';
import { triggersPersistence } from '../../persistence.js';
import { aFinding, aTrigger, later, T0 } from '../../testing/index.js';
import { PostgresOutcomeHistory } from './postgres-outcome-history.js';
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
    const evidence = { samples: 1_000, until: later(60) };
    const told = { ...decision, row: 'awaiting-labels', until: later(9), evidence };
    await store.recordDecision({ ...decision, row: null, until: null, evidence: null, reasons: ['first'] });
    await store.recordDecision({ ...told, reasons: ['second'] });
    expect(await store.decisions('digits', 1)).toEqual([{ ...told, reasons: ['second'] }]);
    expect((await store.decisions('digits', 2))[1]).toMatchObject({ row: null, until: null, evidence: null });
    expect(await store.decisions('other', 1)).toEqual([]);
  });

  it('keeps the largest charges of a trigger, runner and GPU time apart', async () => {
    const ledger = new PostgresTriggerLedger(test.db);
    const charge = (trigger: string, runnerSeconds: number, gpuSeconds: number, at: Date) =>
      ledger.charge('digits', { trigger, runnerSeconds, gpuSeconds, at });
    expect(await ledger.charges('digits', T0)).toEqual([]);
    expect(await ledger.chargeOf('digits-t1')).toBeNull();
    await charge('digits-t1', 10, 0, later(1));
    await charge('digits-t1', 12.5, 0, later(2));
    await charge('digits-t1', 3, 0, later(3));
    await charge('digits-t1', 3, 25, later(4));
    await charge('digits-t2', 1, 2, later(9));
    const first = { trigger: 'digits-t1', runnerSeconds: 12.5, gpuSeconds: 25, at: later(4) };
    expect(await ledger.charges('digits', T0)).toEqual([
      first,
      { trigger: 'digits-t2', runnerSeconds: 1, gpuSeconds: 2, at: later(9) },
    ]);
    expect(await ledger.charges('digits', later(5))).toHaveLength(1);
    expect(await ledger.chargeOf('digits-t1')).toEqual(first);
  });

  it('tells how remedies ended, with what they cost and achieved, and nothing of those that were cancelled', async () => {
    const history = new PostgresOutcomeHistory(test.db);
    const figures = {
      accuracy: { champion: 0.9, candidate: 0.95, reference: 0.96 },
      agreement: { champion: 0.9, candidate: 0.97 },
      ...{ sizeRatio: 0.27, speedup: 2.1, overChampion: 1 },
    };
    const status = (outcome: 'promoted' | 'cancelled'): TriggerStatus => ({
      ...{ phase: 'Resolved', outcome, detail: '', at: later(20) },
      achieved: {
        ...{ decidedBy: 'promotions', candidate: 'wine-t1-c1', version: null, promotion: 'wine-t1-c1-p', figures },
      },
    });
    for (const [number, outcome] of [
      [1, 'promoted'],
      [2, 'cancelled'],
    ] as const) {
      const trigger = { ...open(number), id: `wine-t${number}`, model: 'wine' };
      await store.save({ ...(await store.save(trigger)), status: status(outcome) });
    }
    await new PostgresTriggerLedger(test.db).charge('wine', {
      ...{ trigger: 'wine-t1', runnerSeconds: 41, gpuSeconds: 7, at: later(19) },
    });
    const outcomes = (await history.list(T0)).filter(({ model }) => model === 'wine');
    expect(outcomes).toEqual([
      {
        ...{ trigger: 'wine-t1', model: 'wine', cause: 'compression-damage', remedy: 'quantize-static' },
        ...{ outcome: 'promoted', at: later(20), runnerSeconds: 41, gpuSeconds: 7, figures },
      },
    ]);
    expect(await history.list(new Date('2100-01-01T00:00:00Z'))).toEqual([]);
  });

  it('lets only one at a time open triggers of a model', async () => {
    const ledger = new PostgresTriggerLedger(test.db);
    await expect(ledger.exclusively('digits')).rejects.toThrow('unit of work');
    const order: string[] = [];
    const section = (name: string) =>
      test.db.run('test.work', async () => {
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
