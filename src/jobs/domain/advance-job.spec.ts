import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mayFollow } from '../../kernel/index.js';
import { pendingJob, runningJob, SNAPSHOT, T0 } from '../testing/jobs.js';
import { advanceJob, type JobBounds, type JobDecision } from './advance-job.js';
import type { AttemptObservation, ExitCause } from './attempt.js';
import {
  asSeen,
  cancelledFrom,
  failedFrom,
  pendingAgain,
  progressed,
  runningFrom,
  succeededFrom,
} from './job-status.js';
import { type Job, JOB_TRANSITIONS, type JobStatus, type JobWaiting } from './job.js';
import { reportOf } from '../testing/jobs.js';

const BOUNDS: JobBounds = {
  silenceSeconds: 30,
  backoffSeconds: 2,
  maxBackoffSeconds: 60,
  maxOutputBytes: 1_000_000,
  waitSeconds: 1000,
  startSeconds: 300,
  maxDisruptions: 3,
};
const at = (seconds: number) => new Date(T0.getTime() + seconds * 1000);
const running = (over: Partial<Extract<AttemptObservation, { state: 'running' }>> = {}): AttemptObservation => ({
  state: 'running',
  heartbeatAt: T0,
  progress: null,
  outputBytes: 0,
  ...over,
});
const exited = (
  exitCode: number | null,
  over: Partial<Extract<AttemptObservation, { state: 'exited' }>> = {},
): AttemptObservation => ({
  state: 'exited',
  exitCode,
  signal: null,
  error: null,
  logTail: '',
  endedAt: at(5),
  outputBytes: 0,
  ...over,
});
const waiting = (kind: JobWaiting['kind']): AttemptObservation => ({
  state: 'waiting',
  waiting: { kind, message: 'because', since: T0 },
});
const ABSENT: AttemptObservation = { state: 'absent' };

describe('advanceJob', () => {
  it.each<[string, Job, AttemptObservation, number, Partial<JobDecision>]>([
    ['a pending job is launched', pendingJob(), ABSENT, 0, { kind: 'launch' }],
    ['a saved intent without a process is launched again', runningJob(), ABSENT, 1, { kind: 'relaunch' }],
    [
      'but not for ever',
      runningJob(),
      ABSENT,
      101,
      { kind: 'retry', reason: 'attempt 1: could not be started within 100 s' },
    ],
    [
      'a living attempt is waited for',
      runningJob(),
      running({ heartbeatAt: at(9) }),
      10,
      { kind: 'wait', heartbeatAt: at(9) },
    ],
    [
      'silence ends an attempt',
      runningJob(),
      running({ heartbeatAt: at(9) }),
      40,
      { kind: 'retry', stop: true, reason: 'attempt 1: no sign of life for 31 s' },
    ],
    [
      'silence counts from the start when there was no sign at all',
      runningJob(),
      running({ heartbeatAt: at(-900) }),
      20,
      { kind: 'wait' },
    ],
    [
      'the wall time ends an attempt that is alive',
      runningJob(),
      running({ heartbeatAt: at(101) }),
      101,
      { kind: 'retry', stop: true, reason: 'attempt 1: ran for 101 s, 100 s are allowed' },
    ],
    [
      'too much output ends an attempt',
      runningJob(),
      running({ outputBytes: 1_100_000 }),
      1,
      { kind: 'retry', stop: true, reason: 'attempt 1: output larger than 1.0 MB (1.1 MB)' },
    ],
    [
      'too much output fails one that ended well',
      runningJob(),
      exited(0, { outputBytes: 2e6 }),
      6,
      { kind: 'retry', reason: 'attempt 1: output larger than 1.0 MB (2.0 MB)' },
    ],
    [
      'a good end is collected, even long after the wall time',
      runningJob(),
      exited(0),
      5000,
      { kind: 'collect', endedAt: at(5) },
    ],
    [
      'exit 1 is tried again',
      runningJob(),
      exited(1, { logTail: 'Traceback\nValueError: no\n' }),
      6,
      { kind: 'retry', reason: 'attempt 1: the runner exited with 1: ValueError: no', notBefore: at(8) },
    ],
    [
      'a refused document is not',
      runningJob(),
      exited(2, { error: 'bad seed' }),
      6,
      { kind: 'fail', reason: 'attempt 1: the runner refused the job document: bad seed' },
    ],
    ['unusable data are not', runningJob(), exited(3), 6, { kind: 'fail', reason: 'attempt 1: the data are unusable' }],
    [
      'an unusable model is not',
      runningJob(),
      exited(4),
      6,
      { kind: 'fail', reason: 'attempt 1: the model is unusable' },
    ],
    [
      'exceeded limits are tried again',
      runningJob(),
      exited(5),
      6,
      { kind: 'retry', reason: 'attempt 1: the limits were exceeded' },
    ],
    [
      'a killed runner is tried again',
      runningJob(),
      exited(137, { signal: 'SIGKILL' }),
      6,
      { kind: 'retry', reason: 'attempt 1: the runner exited with 137' },
    ],
    [
      'so is one that is gone without a word',
      runningJob(),
      exited(null),
      6,
      { kind: 'retry', reason: 'attempt 1: the runner is gone and left no exit code' },
    ],
    [
      'what its surroundings did to it costs it no attempt',
      runningJob({ maxAttempts: 1 }),
      exited(143, { cause: 'disrupted' }),
      6,
      {
        ...{ kind: 'retry', disrupted: true, next: { number: 2, name: 'digits-t1-job-a2' }, notBefore: at(8) },
        reason: 'attempt 1: the runner was driven away (preempted, evicted or drained)',
      },
    ],
    [
      'nor does a control plane that it could not reach',
      runningJob({ maxAttempts: 1 }),
      exited(6, { error: 'no answer for 900 s' }),
      6,
      {
        kind: 'retry',
        disrupted: true,
        reason: 'attempt 1: the runner could not reach the job API: no answer for 900 s',
      },
    ],
    [
      'but that does not go on for ever',
      runningJob({ maxAttempts: 1 }, { attempt: { number: 4, name: 'digits-t1-job-a4' }, disruptions: 3 }),
      exited(143, { cause: 'disrupted' }),
      6,
      { kind: 'fail' },
    ],
    [
      'disruptions before do not use up the attempts',
      runningJob({ maxAttempts: 2 }, { attempt: { number: 4, name: 'digits-t1-job-a4' }, disruptions: 3 }),
      exited(1),
      6,
      { kind: 'retry', next: { number: 5, name: 'digits-t1-job-a5' }, notBefore: at(8) },
    ],
    [
      'a refusal is final although it was driven away, too',
      runningJob(),
      exited(3, { cause: 'disrupted' }),
      6,
      { kind: 'fail' },
    ],
    [
      'one that ran out of memory is tried again with smaller batches',
      runningJob(),
      exited(137, { cause: 'out-of-memory' }),
      6,
      { kind: 'retry', smaller: true, reason: 'attempt 1: the runner was killed because it ran out of memory' },
    ],
    [
      'so is one whose own watch ended it for its memory',
      runningJob(),
      exited(5, { error: 'The job holds 9 bytes of memory, 8 are allowed' }),
      6,
      { kind: 'retry', smaller: true },
    ],
    [
      'but only once',
      runningJob({}, { smaller: true }),
      exited(137, { cause: 'out-of-memory' }),
      6,
      { kind: 'fail', reason: expect.stringContaining('with smaller batches, too') as unknown as string },
    ],
    [
      'and not beyond its attempts',
      runningJob({ maxAttempts: 1 }),
      exited(137, { cause: 'out-of-memory' }),
      6,
      { kind: 'fail' },
    ],
    ['a queue is waited for', runningJob(), waiting('quota'), 900, { kind: 'await' }],
    [
      'but not for ever',
      runningJob(),
      waiting('quota'),
      1001,
      { kind: 'retry', stop: true, reason: 'attempt 1: did not begin within 1001 s: because' },
    ],
    ['a machine with room is waited for', runningJob(), waiting('capacity'), 999, { kind: 'await' }],
    ['an image is waited for', runningJob(), waiting('image'), 299, { kind: 'await' }],
    ['but for a short time', runningJob(), waiting('image'), 301, { kind: 'retry', stop: true }],
    [
      'a wish to cancel wins over waiting',
      runningJob({ cancel: { by: 'eve', reason: 'no' } }),
      waiting('quota'),
      1,
      { kind: 'cancel' },
    ],
    [
      'a wish to cancel wins over launching',
      pendingJob({ cancel: { by: 'eve', reason: 'no' } }),
      ABSENT,
      0,
      { kind: 'cancel', reason: 'no' },
    ],
    [
      'a wish to cancel wins over success',
      runningJob({ cancel: { by: 'eve', reason: 'no' } }),
      exited(0),
      6,
      { kind: 'cancel', reason: 'no' },
    ],
  ])('%s', (_name, job, observation, seconds, decision) => {
    expect(advanceJob(job, observation, BOUNDS, at(seconds))).toMatchObject(decision);
  });

  it('holds a job until its back-off is over', () => {
    const job = pendingJob();
    const waiting: Job = {
      ...job,
      status: { ...(job.status as Extract<JobStatus, { phase: 'Pending' }>), notBefore: at(9) },
    };
    expect(advanceJob(waiting, ABSENT, BOUNDS, at(3))).toEqual({ kind: 'hold', until: at(9) });
    expect(advanceJob(waiting, ABSENT, BOUNDS, at(9))).toEqual({ kind: 'launch' });
  });

  it('doubles the back-off up to its bound, and fails after the last attempt', () => {
    const pauses = [1, 2, 3, 4, 5, 6, 7].map((number) => {
      const job = runningJob({ maxAttempts: 8 }, { attempt: { number, name: `digits-t1-job-a${number}` } });
      const decision = advanceJob(job, exited(1), BOUNDS, at(10));
      return decision.kind === 'retry' ? (decision.notBefore.getTime() - at(10).getTime()) / 1000 : decision.kind;
    });
    expect(pauses).toEqual([2, 4, 8, 16, 32, 60, 60]);
    const last = runningJob({ maxAttempts: 2 }, { attempt: { number: 2, name: 'digits-t1-job-a2' } });
    expect(advanceJob(last, exited(1), BOUNDS, at(10))).toMatchObject({
      kind: 'fail',
      reason: 'attempt 2: the runner exited with 1',
    });
  });

  it('names the next attempt so that it is the same every time', () => {
    expect(advanceJob(runningJob(), exited(1), BOUNDS, at(10))).toMatchObject({
      next: { number: 2, name: 'digits-t1-job-a2' },
    });
  });

  const observations: fc.Arbitrary<AttemptObservation> = fc.oneof(
    fc.constant(ABSENT),
    fc
      .record({ beat: fc.integer({ min: -100, max: 400 }), outputBytes: fc.integer({ min: 0, max: 2_000_000 }) })
      .map(({ beat, outputBytes }) => running({ heartbeatAt: at(beat), outputBytes })),
    fc
      .record({
        code: fc.option(fc.integer({ min: 0, max: 255 })),
        ended: fc.option(fc.integer({ min: -100, max: 400 })),
      })
      .map(({ code, ended }) => exited(code, { endedAt: ended === null ? null : at(ended) })),
    fc
      .record({ code: fc.constantFrom(null, 0, 1, 137), began: fc.integer({ min: -100, max: 400 }) })
      .chain(({ code, began }) =>
        fc
          .constantFrom<ExitCause>('disrupted', 'out-of-memory', 'deadline')
          .map((cause) => exited(code, { cause, startedAt: at(began) })),
      ),
    fc.constantFrom<JobWaiting['kind']>('quota', 'capacity', 'image', 'starting').map(waiting),
  );

  it('never leaves the transition table, ends every attempt it gives up, and uses no more attempts than allowed', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            observation: observations,
            after: fc.integer({ min: 0, max: 200 }),
            cancel: fc.constantFrom(false, false, false, true),
          }),
          { maxLength: 40 },
        ),
        fc.integer({ min: 1, max: 4 }),
        (steps, maxAttempts) => {
          let job = pendingJob({ maxAttempts });
          let seconds = 0;
          for (const { observation, after, cancel } of steps) {
            seconds += after;
            if (cancel) job = { ...job, spec: { ...job.spec, cancel: { by: 'eve', reason: 'no' } } };
            const seen = job.status.phase === 'Running' ? observation : ABSENT;
            if (job.status.phase === 'Running') job = { ...job, status: asSeen(job.status, seen, at(seconds)) };
            const decision = advanceJob(job, seen, BOUNDS, at(seconds));
            expect(advanceJob(job, seen, BOUNDS, at(seconds))).toEqual(decision);
            const next = follow(job, decision, at(seconds));
            expect(mayFollow(JOB_TRANSITIONS, job.status.phase, next.phase)).toBe(true);
            expect(next.attempt.number).toBeLessThanOrEqual(maxAttempts + BOUNDS.maxDisruptions);
            if ('runnerSeconds' in next) expect(next.runnerSeconds).toBeGreaterThanOrEqual(0);
            if ('runnerSeconds' in next) expect(next.runnerSeconds).toBeLessThanOrEqual(seconds);
            const mishaps = 'disruptions' in next ? (next.disruptions ?? 0) : 0;
            expect(mishaps).toBeLessThanOrEqual(BOUNDS.maxDisruptions);
            if (next.phase === 'Pending') expect(next.attempt.number - mishaps).toBeLessThanOrEqual(maxAttempts);
            if (JOB_TRANSITIONS[job.status.phase].length === 0) expect(next).toBe(job.status);
            else if (job.spec.cancel !== null) expect(next.phase).toBe('Cancelled');
            job = { ...job, status: next };
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** What the reconciler saves after a decision. */
function follow(job: Job, decision: JobDecision, now: Date): JobStatus {
  const { status } = job;
  if (status.phase === 'Pending') {
    if (decision.kind === 'launch') return runningFrom(status, SNAPSHOT, now);
    if (decision.kind === 'cancel') return cancelledFrom(status, decision.reason, now);
    return status;
  }
  if (status.phase !== 'Running') return status;
  switch (decision.kind) {
    case 'wait':
      return progressed(status, decision) ?? status;
    case 'retry':
      return pendingAgain(status, decision);
    case 'fail':
      return failedFrom(status, decision.reason, decision.endedAt, now);
    case 'cancel':
      return cancelledFrom(status, decision.reason, now);
    case 'collect':
      return succeededFrom(status, { report: reportOf(), candidates: [], reference: null }, decision.endedAt, now);
    default:
      return status;
  }
}
