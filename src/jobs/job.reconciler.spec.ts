import { beforeEach, describe, expect, it } from '@jest/globals';
import { NotFound, PhaseConflict, RatchetError } from '../kernel/index.js';
import {
  FakeClock,
  ImmediateUnitOfWork,
  RecordingAuditLog,
  RecordingFactBus,
  RecordingWorkQueue,
} from '../kernel/testing/index.js';
import { BrokenReport } from './domain/errors.js';
import { attemptOf, type Job, JobFailed, type JobStatus, JobSucceeded } from './domain/job.js';
import { JobCollector } from './job-collector.js';
import { JobEndings } from './job-endings.js';
import { JobIntake } from './job-intake.js';
import { JobLauncher } from './job-launcher.js';
import { JobReconciler } from './job.reconciler.js';
import { OrphanSweepReconciler } from './orphan-sweep.reconciler.js';
import {
  FakeArtifactStore,
  FakeJobStore,
  FakeModelStore,
  FakeRunner,
  FakeSampleStore,
  FakeTriggerOutcomes,
  FakeTriggerStore,
  FakeVersionRegistration,
} from './testing/fakes.js';
import { jobsSettings } from './settings.js';
import { digestOf, openTrigger, pendingJob, reportOf, runningJob, SNAPSHOT, T0 } from './testing/jobs.js';
import { digitsModel } from './testing/model.js';

class NotEnough extends RatchetError {
  readonly code = 'unprocessable';
}

const ID = 'digits-t1-job';
const SETTINGS = {
  ...jobsSettings.schema.parse({}),
  ...{
    workFolder: '',
    python: '',
    path: '',
    maxConcurrent: 1,
    silenceSeconds: 30,
    backoffSeconds: 2,
    maxBackoffSeconds: 60,
  },
  ...{
    maxOutputBytes: 1e6,
    stopGraceSeconds: 1,
    sampleWaitSeconds: 20,
    observeMs: 500,
    sweepSeconds: 60,
    keepHours: 2,
  },
};
const WELL = {
  state: 'exited',
  exitCode: 0,
  signal: null,
  error: null,
  logTail: '',
  endedAt: new Date(T0.getTime() + 4000),
  outputBytes: 9,
} as const;
const BADLY = { ...WELL, exitCode: 1, logTail: 'ValueError: no' } as const;

describe('JobReconciler', () => {
  let clock: FakeClock;
  let jobs: FakeJobStore;
  let runner: FakeRunner;
  let samples: FakeSampleStore;
  let artifacts: FakeArtifactStore;
  let registration: FakeVersionRegistration;
  let outcomes: FakeTriggerOutcomes;
  let facts: RecordingFactBus;
  let queue: RecordingWorkQueue;
  let audit: RecordingAuditLog;
  let unitOfWork: ImmediateUnitOfWork;
  let reconciler: JobReconciler;
  let intake: JobIntake;

  function start(...stored: Job[]): void {
    jobs = new FakeJobStore(...stored);
    const models = new FakeModelStore(digitsModel());
    const launcher = new JobLauncher({ jobs, runner, samples, artifacts, models, unitOfWork, clock }, SETTINGS);
    const collector = new JobCollector(runner, registration);
    const endings = new JobEndings(jobs, outcomes, facts, unitOfWork);
    reconciler = new JobReconciler(jobs, runner, { launcher, collector, endings }, clock, SETTINGS);
    intake = new JobIntake({
      jobs,
      triggers: new FakeTriggerStore(openTrigger()),
      models,
      queue,
      unitOfWork,
      audit,
      clock,
    });
  }
  const pass = () => reconciler.reconcile(ID);
  const status = async <Phase extends JobStatus['phase']>(phase: Phase) => {
    const current = (await jobs.require(ID)).status;
    expect(current.phase).toBe(phase);
    return current as Extract<JobStatus, { phase: Phase }>;
  };

  beforeEach(() => {
    clock = new FakeClock(T0);
    runner = new FakeRunner();
    samples = new FakeSampleStore();
    artifacts = new FakeArtifactStore();
    registration = new FakeVersionRegistration((path) => (path.includes('reference') ? digestOf('e') : digestOf('b')));
    outcomes = new FakeTriggerOutcomes();
    unitOfWork = new ImmediateUnitOfWork();
    facts = new RecordingFactBus(unitOfWork);
    queue = new RecordingWorkQueue();
    audit = new RecordingAuditLog();
    start(pendingJob());
  });

  it('an open trigger makes one job, however often it is told', async () => {
    start();
    await intake.open('digits-t1');
    await intake.open('digits-t1');
    expect([...jobs.jobs.keys()]).toEqual([ID]);
    expect(queue.enqueued[0]).toEqual({ kind: 'job', key: ID, delayMs: 0 });
    expect((await jobs.require(ID)).spec).toMatchObject({ recipe: 'quantize-static', maxAttempts: 3, cancel: null });
  });

  it('goes from pending to succeeded and tells of it once', async () => {
    expect(await pass()).toEqual({ requeueAfterMs: 500 });
    expect(runner.launched).toHaveLength(1);
    expect(runner.launched[0]!.document).toMatchObject({
      attempt: `${ID}-a1`,
      artifacts: { reference: { path: `/artifacts/${digestOf('a')}` } },
    });
    expect((await status('Running')).snapshot).toEqual(SNAPSHOT);

    clock.advance(3000);
    const progress = { step: 'calibrate', fraction: 0.5, message: 'half' };
    runner.observation = { state: 'running', heartbeatAt: clock.now(), progress, outputBytes: 1 };
    await pass();
    expect((await status('Running')).progress).toEqual(progress);

    clock.advance(3000);
    runner.observation = WELL;
    expect(await pass()).toEqual({});
    expect(await status('Succeeded')).toMatchObject({ candidates: [digestOf('b')], reference: null, runnerSeconds: 4 });
    expect(registration.requests).toEqual([
      {
        ...{ model: 'digits', path: `/jobs/${ID}-a1/output/candidate.onnx`, kind: 'compressed', parent: digestOf('a') },
        ...{
          reference: digestOf('a'),
          recipe: 'quantize-static',
          snapshot: SNAPSHOT.train.digest,
          data: { train: SNAPSHOT.train, holdout: SNAPSHOT.holdout },
          job: ID,
        },
      },
    ]);
    expect(runner.stopped).toEqual([`${ID}-a1`]);
    expect(facts.of(JobSucceeded)).toEqual([{ job: ID, model: 'digits', trigger: 'digits-t1' }]);
    expect(outcomes.resolved).toEqual([]);
    expect(await pass()).toEqual({});
    expect(facts.published).toHaveLength(1);
  });

  it('charges a candidate against the new reference of its job', async () => {
    start(runningJob());
    const [compressed] = reportOf().artifacts;
    const reference = { ...compressed!, file: 'reference.onnx', digest: digestOf('e'), kind: 'reference' as const };
    runner.result = reportOf({ artifacts: [{ ...compressed!, parent: digestOf('e') }, reference] });
    runner.observation = WELL;
    await pass();
    expect(await status('Succeeded')).toMatchObject({ candidates: [digestOf('b')], reference: digestOf('e') });
    expect(registration.requests.map(({ kind, reference: of }) => [kind, of])).toEqual([
      ['reference', digestOf('e')],
      ['compressed', digestOf('e')],
    ]);
  });

  it('freezes the data once: a crash before the launch, and every retry, read the same', async () => {
    runner.launchError = new Error('killed here');
    await expect(pass()).rejects.toThrow('killed here');
    await status('Running');
    runner.launchError = null;
    await pass();
    expect(runner.launched).toHaveLength(1);
    runner.observation = BADLY;
    await pass();
    expect((await status('Pending')).snapshot).toEqual(SNAPSHOT);
    clock.advance(2000);
    await pass();
    expect(runner.launched.map(({ attempt }) => attempt.name)).toEqual([`${ID}-a1`, `${ID}-a2`]);
    expect(samples.asked).toEqual([{ since: new Date(0), replay: 0 }]);
  });

  it.each([
    ['quantize-static', 128],
    ['incremental-distillation', 1000],
  ] as const)('asks for older rows beside the fresh ones of %s', async (recipe, replay) => {
    start(pendingJob({ recipe, freshSince: T0 }));
    await pass();
    expect(samples.asked).toEqual([{ since: T0, replay }]);
  });

  it('waits for samples, but not for ever', async () => {
    samples.result = new NotEnough('There are 3 rows.');
    expect(await pass()).toEqual({ requeueAfterMs: 500 });
    await status('Pending');
    clock.advance(21_000);
    await pass();
    expect((await status('Failed')).failures).toEqual(['There are 3 rows.']);
    expect(outcomes.resolved).toEqual([{ trigger: 'digits-t1', outcome: 'failed', detail: 'There are 3 rows.' }]);
  });

  it('starts no more jobs than allowed', async () => {
    const other = { ...runningJob(), id: 'other-t1-job' };
    start(pendingJob(), other);
    expect(await pass()).toEqual({ requeueAfterMs: 500 });
    expect(runner.launched).toEqual([]);
    expect(samples.asked).toEqual([]);
  });

  it('of three jobs with a GPU each two run; the third says why it waits and starts when one ends', async () => {
    const ids = ['a-t1-job', 'b-t1-job', 'c-t1-job'];
    const settings = { ...SETTINGS, maxConcurrent: 9, maxGpus: 2 };
    start(...ids.map((id) => pendingJob({ gpus: 1 }, id)));
    const launcher = new JobLauncher(
      { jobs, runner, samples, artifacts, models: new FakeModelStore(digitsModel()), unitOfWork, clock },
      settings,
    );
    const collector = new JobCollector(runner, registration);
    const endings = new JobEndings(jobs, outcomes, facts, unitOfWork);
    const limited = new JobReconciler(jobs, runner, { launcher, collector, endings }, clock, settings);
    for (const id of ids) await limited.reconcile(id);
    const phases = async () => Promise.all(ids.map(async (id) => (await jobs.require(id)).status.phase));
    expect(await phases()).toEqual(['Running', 'Running', 'Pending']);
    expect((await jobs.require('c-t1-job')).status).toMatchObject({
      waiting: { kind: 'gpu', message: 'it wants 1 GPU; 2 of at most 2 are taken', since: T0 },
    });
    expect(runner.launched.map(({ needs }) => needs.gpus)).toEqual([1, 1]);
    runner.observation = { ...WELL, exitCode: 2 };
    await limited.reconcile('a-t1-job');
    await limited.reconcile('c-t1-job');
    expect(await phases()).toEqual(['Failed', 'Running', 'Running']);
  });

  it('a job that is driven away again and again keeps its attempts, and its waits cost nothing', async () => {
    start(pendingJob({ maxAttempts: 1 }));
    await pass();
    for (const number of [2, 3]) {
      runner.observation = {
        ...BADLY,
        exitCode: 143,
        cause: 'disrupted',
        startedAt: clock.now(),
        endedAt: clock.now(),
      };
      await pass();
      expect(await status('Pending')).toMatchObject({ attempt: attemptOf(ID, number), disruptions: number - 1 });
      clock.advance(2000);
      await pass();
    }
    const waiting = { kind: 'quota', message: 'no quota', since: clock.now() } as const;
    runner.observation = { state: 'waiting', waiting };
    await pass();
    expect((await status('Running')).waiting).toEqual(waiting);
    clock.advance(600_000);
    await pass();
    runner.observation = {
      state: 'running',
      heartbeatAt: clock.now(),
      startedAt: clock.now(),
      progress: null,
      outputBytes: 0,
    };
    await pass();
    expect(await status('Running')).toMatchObject({ startedAt: clock.now(), disruptions: 2, runnerSeconds: 0 });
    clock.advance(5000);
    runner.observation = { ...WELL, endedAt: clock.now() };
    runner.result = reportOf({ attempt: `${ID}-a3` });
    await pass();
    expect(await status('Succeeded')).toMatchObject({ runnerSeconds: 5 });
  });

  it('tries again with the next name after a pause, and fails after the last attempt with every reason', async () => {
    await pass();
    for (const number of [1, 2]) {
      runner.observation = BADLY;
      expect(await pass()).toEqual({ requeueAfterMs: 2000 * number });
      expect((await status('Pending')).attempt).toEqual(attemptOf(ID, number + 1));
      clock.advance(2000 * number);
      await pass();
    }
    runner.observation = BADLY;
    await pass();
    expect((await status('Failed')).failures).toEqual(
      [1, 2, 3].map((n) => `attempt ${n}: the runner exited with 1: ValueError: no`),
    );
    expect(facts.of(JobFailed)).toHaveLength(1);
    expect(outcomes.resolved).toHaveLength(1);
  });

  it('stops a silent attempt before it is tried again', async () => {
    start(runningJob());
    runner.observation = { state: 'running', heartbeatAt: T0, progress: null, outputBytes: 0 };
    clock.advance(31_000);
    await pass();
    expect(runner.stopped).toEqual([`${ID}-a1`]);
    expect((await status('Pending')).failures).toEqual(['attempt 1: no sign of life for 31 s']);
  });

  it('takes "no candidate" for an answer', async () => {
    start(runningJob());
    runner.observation = WELL;
    runner.result = reportOf({ outcome: 'no-candidate', artifacts: [], reasons: ['the teacher is out of its depth'] });
    await pass();
    expect((await status('Failed')).failures).toEqual(['attempt 1: the teacher is out of its depth']);
    expect(facts.of(JobFailed)[0]?.reason).toBe('attempt 1: the teacher is out of its depth');
  });

  it('tries again after a broken report', async () => {
    start(runningJob());
    runner.observation = WELL;
    runner.result = new BrokenReport(`${ID}-a1`, 'report.json is no JSON');
    await pass();
    expect((await status('Pending')).failures[0]).toContain('report.json is no JSON');
    expect(registration.requests).toEqual([]);
  });

  it('does not try again what registration refuses', async () => {
    start(runningJob());
    runner.observation = WELL;
    registration.refusal = new NotEnough('It has a custom operator.');
    await pass();
    expect((await status('Failed')).failures[0]).toContain('It has a custom operator.');
  });

  it('does not take a file that changed after it was verified', async () => {
    start(runningJob());
    runner.observation = WELL;
    registration = new FakeVersionRegistration(() => digestOf('9'));
    start(runningJob());
    await pass();
    expect((await status('Pending')).failures[0]).toContain('changed while it was stored');
  });

  it('fails at once when an artifact is not there', async () => {
    artifacts.missing.add(digestOf('a'));
    await pass();
    await pass();
    expect((await status('Failed')).failures[0]).toContain('There is no artifact');
  });

  it('keeps trying while something is only unavailable', async () => {
    runner.launchError = new (class extends RatchetError {
      readonly code = 'unavailable';
      override readonly retryable = true;
    })('no python yet');
    await expect(pass()).rejects.toThrow('no python yet');
    await status('Running');
  });

  it('cancelling stops the runner, resolves the trigger and is in the audit log', async () => {
    await pass();
    const actor = { name: 'eve', role: 'operator' } as const;
    await intake.cancel(ID, actor, 'wrong model');
    await intake.cancel(ID, actor, 'again');
    await pass();
    expect(await status('Cancelled')).toMatchObject({ reason: 'wrong model' });
    expect(runner.stopped).toEqual([`${ID}-a1`]);
    expect(outcomes.resolved).toEqual([{ trigger: 'digits-t1', outcome: 'cancelled', detail: 'wrong model' }]);
    expect(audit.entries.map((entry) => entry.action)).toEqual(['jobs.cancel']);
    await expect(intake.cancel(ID, actor, 'late')).rejects.toThrow(PhaseConflict);
    await expect(intake.cancel('nobody', actor, 'x')).rejects.toThrow(NotFound);
  });

  it('the sweep stops what no job knows and wakes every unfinished job', async () => {
    await pass();
    runner.running.add('lost-t9-job-a1');
    const sweep = new OrphanSweepReconciler(jobs, runner, queue, clock, SETTINGS);
    expect(await sweep.reconcile()).toEqual({ requeueAfterMs: 60_000 });
    expect(runner.stopped).toEqual(['lost-t9-job-a1']);
    expect(queue.enqueued).toEqual([{ kind: 'job', key: ID, delayMs: 0 }]);
  });

  it('the sweep forgets what attempts left behind that ended long ago', async () => {
    await pass();
    const hour = 3_600_000;
    const ago = (hours: number) => new Date(clock.now().getTime() - hours * hour);
    for (const name of [`${ID}-a1`, 'digits-t0-job-a1']) runner.leftBehind.set(name, ago(9));
    runner.leftBehind.set('digits-t0-job-a2', ago(1));
    await new OrphanSweepReconciler(jobs, runner, queue, clock, SETTINGS).reconcile();
    expect([...runner.leftBehind.keys()]).toEqual([`${ID}-a1`, 'digits-t0-job-a2']);
  });
});
