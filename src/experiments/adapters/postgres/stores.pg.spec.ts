import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { schemaDrift } from '../../../platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { NOTHING_READ } from '../../domain/advance-experiment.js';
import { foldPairs, SHADOW_BEGIN } from '../../domain/shadow-progress.js';
import { experimentsPersistence } from '../../persistence.js';
import { anExperiment, somePairs, T0 } from '../../testing/index.js';
import { PostgresExperimentStore } from './experiment-store.js';
import { PostgresPairLog } from './pair-log.js';
import { PostgresProgressStore } from './progress-store.js';

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
    await log.append('x', 0, [b!, a!]);
    await log.append('x', 2, [{ ...c!, truth: 'reference', difference: 0.25 }]);
    await log.append('y', 0, [a!]);
    await log.append('y', 1, []);
    expect(await log.list('x')).toEqual([b, a, { ...c, truth: 'reference', difference: 0.25 }]);
    expect(await log.known('x', ['r0', 'r9'])).toEqual(new Set(['r0']));
    expect(await log.known('x', [])).toEqual(new Set());
  });

  it('refuse a pass that was overtaken: neither its pairs nor its progress are kept', async () => {
    const [log, progress] = [new PostgresPairLog(test.db), new PostgresProgressStore(test.db)];
    const [a, b] = somePairs(2, 1);
    await log.append('z', 0, [a!]);
    await progress.save('z', { ...SHADOW_BEGIN, position: 1 });
    const late = test.db.run('experiments.enter', async () => {
      await progress.save('z', { ...SHADOW_BEGIN, position: 99 });
      await log.append('z', 0, [b!]);
    });
    await expect(late).rejects.toThrow('entered_pair');
    expect(await progress.find('z')).toMatchObject({ position: 1 });
    expect(await log.list('z')).toEqual([a]);
  });

  it('give progress back bit for bit', async () => {
    const store = new PostgresProgressStore(test.db);
    const pairs = somePairs(400, 0).map((pair, n) => ({ ...pair, difference: Math.sin(n) }));
    const folded = foldPairs(SHADOW_BEGIN, pairs, anExperiment().spec);
    expect(await store.find('w')).toBeNull();
    await store.save('w', folded);
    expect(await store.find('w')).toEqual(folded);
  });

  it('have the schema that the entities describe', async () => {
    expect(await schemaDrift(test.db.dataSource)).toEqual([]);
  });
});
