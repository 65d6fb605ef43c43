import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { schemaDrift } from '../../../platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { NOTHING_READ } from '../../domain/advance-experiment.js';
import { experimentsPersistence } from '../../persistence.js';
import { anExperiment, somePairs, T0 } from '../../testing/index.js';
import { PostgresExperimentStore } from './experiment-store.js';
import { PostgresPairLog } from './pair-log.js';

describe('the stores of experiments', () => {
  let test: TestDatabase;
  beforeAll(async () => {
    test = await openTestDatabase([experimentsPersistence]);
  }, 60_000);
  afterAll(() => test.close());

  it('give back an experiment as it was saved and know what is unfinished', async () => {
    const store = new PostgresExperimentStore(test.db);
    const saved = await store.save(anExperiment());
    const reading = { ...NOTHING_READ, pairs: 3, newestAt: T0 };
    const running = await store.save({ ...saved, status: { phase: 'Running', startedAt: T0, reading } });
    expect((await store.require(saved.id)).status).toEqual({ phase: 'Running', startedAt: T0, reading });
    expect((await store.listUnfinished()).map(({ id }) => id)).toEqual([saved.id]);
    const end = { phase: 'Concluded', startedAt: T0, finishedAt: T0, verdict: 'PASS', reason: 'x', reading } as const;
    await store.save({ ...running, status: end });
    expect(await store.listUnfinished()).toEqual([]);
    expect(await store.list('digits')).toHaveLength(1);
  });

  it('keep pairs in the order of entry and each request once', async () => {
    const log = new PostgresPairLog(test.db);
    const [a, b, c] = somePairs(3, -1);
    await log.append('x', [b!, a!]);
    await log.append('x', [a!, { ...c!, truth: 'reference', difference: 1 }]);
    await log.append('y', [a!]);
    await log.append('y', []);
    expect(await log.list('x')).toEqual([b, a, { ...c, truth: 'reference', difference: 1 }]);
  });

  it('have the schema that the entities describe', async () => {
    expect(await schemaDrift(test.db.dataSource)).toEqual([]);
  });
});
