import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { schemaDrift } from '../../../platform/postgres/index.js';
import { openTestDatabase, type TestDatabase } from '../../../platform/postgres/testing/index.js';
import { jobsPersistence } from '../../persistence.js';
import { pendingJob, reportOf, runningJob, SNAPSHOT, T0 } from '../../testing/jobs.js';
import type { JobStatus } from '../../domain/job.js';
import { installationId } from './installation.js';
import { PostgresJobStore } from './postgres-job-store.js';

describe('PostgresJobStore', () => {
  let test: TestDatabase;
  let store: PostgresJobStore;

  beforeAll(async () => {
    test = await openTestDatabase([jobsPersistence]);
    store = new PostgresJobStore(test.db);
  }, 60_000);
  afterAll(() => test.close());

  it('gives back a job as it was saved, in every phase', async () => {
    const saved = await store.save(pendingJob());
    expect(saved).toMatchObject({ ...pendingJob(), revision: 1, updatedAt: expect.anything() });
    const running = await store.save({ ...saved, status: runningJob().status });
    expect(running.status).toEqual(runningJob().status);
    const attempt = running.status.attempt;
    const ended = await store.save({
      ...running,
      status: {
        ...{ phase: 'Succeeded', attempt, snapshot: SNAPSHOT, finishedAt: T0, runnerSeconds: 1.5 },
        ...{ candidates: [], reference: null, report: reportOf(), failures: [] },
      },
    });
    expect((await store.require('digits-t1-job')).status).toEqual(ended.status);
  });

  it('lists what is unfinished and what belongs to a model', async () => {
    await store.save(pendingJob({}, 'digits-t2-job'));
    expect((await store.listUnfinished()).map((job) => job.id)).toEqual(['digits-t2-job']);
    expect((await store.list('digits')).map((job) => job.id)).toEqual(['digits-t2-job', 'digits-t1-job']);
    expect(await store.list('other')).toEqual([]);
  });

  it('lets only one at a time count and admit', async () => {
    await expect(store.lockAdmission()).rejects.toThrow('unit of work');
    const admit = (id: string) =>
      test.db.run('test.work', async () => {
        await store.lockAdmission();
        const job = await store.save(pendingJob({}, id));
        if ((await store.occupancy(job)).jobs >= 1) return false;
        await store.save({ ...job, status: runningJob().status });
        return true;
      });
    const admitted = await Promise.all(['a-t1-job', 'b-t1-job', 'c-t1-job'].map(admit));
    expect(admitted.filter(Boolean)).toHaveLength(1);
  });

  it('several control planes never give out more GPUs than there are, and promise them to the oldest', async () => {
    await test.db.query('DELETE FROM jobs.job');
    const admit = (id: string, gpus: number) =>
      test.db.run('test.work', async () => {
        await store.lockAdmission();
        const job = await store.save(pendingJob({ gpus }, id));
        const taken = await store.occupancy(job);
        if (taken.gpus + taken.gpusPromised + gpus > 5) return false;
        await store.save({ ...job, status: runningJob().status });
        return true;
      });
    const ids = Array.from({ length: 12 }, (_, i) => `g${i}-t1-job`);
    const admitted = await Promise.all(ids.map((id) => admit(id, 2)));
    expect(admitted.filter(Boolean)).toHaveLength(2);
    const waiter = await store.require(ids[admitted.indexOf(false)]!);
    const waiting = { kind: 'gpu', message: 'none free', since: T0 } as const;
    await store.save({ ...waiter, status: { ...waiter.status, waiting } as JobStatus });
    const younger = { ...pendingJob({ gpus: 1 }, 'young-t1-job'), createdAt: new Date(T0.getTime() + 9e9) };
    expect(await store.occupancy(younger)).toEqual({ jobs: 2, gpus: 4, gpusPromised: 2 });
    expect(await store.occupancy(waiter)).toEqual({ jobs: 2, gpus: 4, gpusPromised: 0 });
  });

  it('every process learns the same id of the installation', async () => {
    const id = await installationId(test.db);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await installationId(test.db)).toBe(id);
  });

  it('has the schema that its entity describes', async () => {
    expect(await schemaDrift(test.db.dataSource)).toEqual([]);
  });
});
