/** Many jobs through a quota: the real queue, store, admission and reconciler; only the runner is a stub. */
import { PERSISTENCE } from '../../dist/app/stages.js';
import { PostgresJobStore } from '../../dist/jobs/adapters/postgres/postgres-job-store.js';
import { JobEndings } from '../../dist/jobs/job-endings.js';
import { JOB_KIND } from '../../dist/jobs/job-intake.js';
import { JobLauncher } from '../../dist/jobs/job-launcher.js';
import { JobReconciler } from '../../dist/jobs/job.reconciler.js';
import { pendingJob, reportOf, SNAPSHOT } from '../../dist/jobs/testing/jobs.js';
import { connectAndMigrate, createDataSource, Database } from '../../dist/platform/postgres/index.js';
import { OutboxFactBus } from '../../dist/platform/reconcile/outbox-fact-bus.js';
import { PostgresWorkQueue } from '../../dist/platform/reconcile/postgres-work-queue.js';
import { setLogLevel } from '../../dist/platform/observability/index.js';
import { SystemClock, UuidIds } from '../../dist/platform/runtime/index.js';

/** How long the stub needs for an attempt. */
export const RUN_MS = 500;
const OBSERVE_MS = 500;
const TICK_MS = 100;

/** Jobs that run for half a second each; how long all take, and how many ever ran at once. */
export async function measureJobs(url, { jobs, quota }) {
  setLogLevel('warn');
  const dataSource = createDataSource(url, PERSISTENCE, 12);
  await connectAndMigrate(dataSource);
  const db = new Database(dataSource);
  const runner = new StubRunner();
  const queue = await fillQueue(db, runner, jobs, quota);
  const before = await statements(db);
  const began = performance.now();
  const done = new Promise((resolve) => (runner.onEnd = () => runner.ended.size === jobs && resolve()));
  const timer = setInterval(() => void queue.tick(), TICK_MS);
  queue.onDue = () => void queue.tick();
  await done;
  for (;;) {
    const [{ open }] = await db.query(`SELECT count(*)::int AS open FROM jobs.job WHERE phase <> 'Succeeded'`);
    if (open === 0) break;
    await new Promise((next) => setTimeout(next, 20));
  }
  const seconds = (performance.now() - began) / 1000;
  clearInterval(timer);
  await queue.stop(5_000);
  const after = await statements(db);
  await dataSource.destroy();
  return { seconds, mostAtOnce: runner.mostAtOnce, launches: runner.launches, statements: after - before };
}

async function fillQueue(db, runner, jobs, quota) {
  const clock = new SystemClock();
  const ids = new UuidIds();
  const store = new PostgresJobStore(db);
  const settings = {
    ...{ maxConcurrent: quota, maxGpus: 1_000_000, sampleWaitSeconds: 600, observeMs: OBSERVE_MS },
    ...{ silenceSeconds: 60, backoffSeconds: 2, maxBackoffSeconds: 300, maxOutputBytes: 4e9 },
  };
  const ports = {
    ...{ jobs: store, runner, clock, unitOfWork: db },
    samples: { snapshot: async () => SNAPSHOT },
    artifacts: { verifiedPath: async (digest) => `/artifacts/${digest}` },
    models: { require: async () => ({ spec: MODEL }) },
  };
  const outcomes = { resolve: async () => undefined, charge: async () => undefined };
  const reconciler = new JobReconciler(
    store,
    runner,
    {
      launcher: new JobLauncher(ports, settings),
      collector: { collect: async () => ({ kind: 'versions', report: reportOf(), candidates: [], reference: null }) },
      endings: new JobEndings(store, outcomes, new OutboxFactBus(db, ids, clock), db),
    },
    clock,
    settings,
  );
  const queue = new PostgresWorkQueue(db, ids, {
    ...{ pollMs: TICK_MS, concurrency: 6, leaseSeconds: 10, retryBaseMs: 250, retryMaxMs: 30_000 },
  });
  queue.register(reconciler);
  for (let n = 0; n < jobs; n += 1) {
    const now = clock.now();
    const job = pendingJob({ trigger: `bench-t${n}` }, `bench-t${n}-job`);
    await store.save({ ...job, createdAt: now, updatedAt: now });
    await queue.enqueue(JOB_KIND, job.id);
  }
  return queue;
}

const MODEL = {
  task: { kind: 'classification', classes: 10 },
  input: { name: 'x', datatype: 'FP32', shape: [-1, 4] },
  output: { name: 'y', datatype: 'FP32', shape: [-1, 10] },
};

async function statements(db) {
  const [{ calls }] = await db.query('SELECT sum(calls)::float8 AS calls FROM pg_stat_statements');
  return calls;
}

/** Ends every attempt well after a while; counts how many run. */
class StubRunner {
  running = new Map();
  ended = new Set();
  launches = 0;
  mostAtOnce = 0;
  onEnd = () => undefined;

  async launch({ name }) {
    if (this.running.has(name) || this.ended.has(name)) return;
    this.launches += 1;
    this.running.set(name, new Date());
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running.size);
    setTimeout(() => {
      this.running.delete(name);
      this.ended.add(name);
      this.onEnd();
    }, RUN_MS);
  }

  async observe({ name }) {
    if (this.ended.has(name))
      return {
        state: 'exited',
        exitCode: 0,
        signal: null,
        error: null,
        logTail: '',
        endedAt: new Date(),
        outputBytes: 0,
      };
    const since = this.running.get(name);
    if (since === undefined) return { state: 'absent' };
    return { state: 'running', heartbeatAt: new Date(), progress: null, outputBytes: 0 };
  }

  async stop() {}
}
