import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { schemaDrift } from '../../../platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { CANDIDATE, CHAMPION, OTHER, T0 } from '../../../rollouts/testing/index.js';
import type { PromotionRecord } from '../../domain/promotion.js';
import { promotionsPersistence } from '../../persistence.js';
import { PostgresQualityLedger } from './quality-ledger.js';
import { PostgresRecordStore } from './record-store.js';

const RECORD: PromotionRecord = {
  ...{ id: 'digits-t1-c1', model: 'digits', outcome: 'refused', decidedBy: 'experiments', reason: 'worse', at: T0 },
  ...{ candidateVersion: CANDIDATE, champion: CHAMPION, reference: CHAMPION },
  evidence: { experiment: { status: { at: T0 } }, rollout: null },
};

describe('the stores of promotions', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await openTestDatabase([promotionsPersistence]);
  }, 60_000);
  afterAll(() => test.close());

  it('keep the first record of a candidate and never change it', async () => {
    const store = new PostgresRecordStore(test.db);
    expect(await store.add(RECORD)).toBe(true);
    expect(await store.add({ ...RECORD, outcome: 'promoted' })).toBe(false);
    expect(await store.require('digits-t1-c1')).toEqual(RECORD);
    expect(await store.list('digits')).toHaveLength(1);
    await expect(test.db.query(`UPDATE promotions.record SET reason = 'better'`)).rejects.toThrow('never changed');
    await expect(test.db.query('DELETE FROM promotions.record')).rejects.toThrow('never changed');
  });

  it('keep an account for each reference and charge a promotion once', async () => {
    const ledger = new PostgresQualityLedger(test.db);
    const charge = { model: 'digits', reference: CHAMPION, champion: CANDIDATE, loss: 0.004, at: T0 };
    await ledger.charge({ ...charge, promotion: 'a-p' });
    await ledger.charge({ ...charge, promotion: 'a-p', loss: 0.1 });
    await ledger.charge({ ...charge, promotion: 'b-p', reference: OTHER });
    expect(await ledger.list('digits', CHAMPION)).toEqual([{ ...charge, promotion: 'a-p' }]);
    await expect(test.db.query('UPDATE promotions.charge SET loss = 0')).rejects.toThrow('never changed');
  });

  it('have the schema that the entities describe', async () => {
    expect(await schemaDrift(test.db.dataSource)).toEqual([]);
  });
});
