import { assertNever } from '../../kernel/index.js';
import type { AttemptObservation } from './attempt.js';
import { attemptOf, type Job, type JobAttempt, type JobProgress, type JobStatus } from './job.js';

/** Bounds of the installation; those of one job are in its spec. */
export interface JobBounds {
  /** A runner that shows no sign of life for so long is taken for hung. */
  readonly silenceSeconds: number;
  /** Pause before the second attempt; it doubles with each further one. */
  readonly backoffSeconds: number;
  readonly maxBackoffSeconds: number;
  readonly maxOutputBytes: number;
}

/** The wanted end of a pass. `stop` says that the attempt must be ended first, and ending twice is ending once. */
export type JobDecision =
  | { readonly kind: 'hold'; readonly until: Date }
  /** Freeze the data, save `Running`, start the attempt. */
  | { readonly kind: 'launch' }
  /** `Running` was saved, but nothing runs: the pass before died in between. */
  | { readonly kind: 'relaunch' }
  | { readonly kind: 'wait'; readonly heartbeatAt: Date; readonly progress: JobProgress }
  /** It ended well by its own account: read the report. */
  | { readonly kind: 'collect'; readonly endedAt: Date }
  | {
      readonly kind: 'retry';
      readonly stop: boolean;
      readonly reason: string;
      readonly next: JobAttempt;
      readonly notBefore: Date;
      readonly endedAt: Date;
    }
  | { readonly kind: 'fail'; readonly stop: boolean; readonly reason: string; readonly endedAt: Date }
  | { readonly kind: 'cancel'; readonly reason: string }
  | { readonly kind: 'rest' };

type Running = Extract<JobStatus, { phase: 'Running' }>;

/** What exit codes promise: with these the same job document ends the same way again. */
const DETERMINISTIC_EXITS: Readonly<Record<number, string>> = {
  2: 'the runner refused the job document',
  3: 'the data are unusable',
  4: 'the model is unusable',
};

/**
 * What is to be done about a job, given what its runner was seen to do. Total, and free of side effects: the same
 * arguments give the same decision, so any pass may be repeated. A wish to cancel wins in every phase that is not
 * terminal.
 */
export function advanceJob(job: Job, observation: AttemptObservation, bounds: JobBounds, now: Date): JobDecision {
  const { status } = job;
  switch (status.phase) {
    case 'Succeeded':
    case 'Failed':
    case 'Cancelled':
      return { kind: 'rest' };
    case 'Pending':
      if (job.spec.cancel !== null) return { kind: 'cancel', reason: job.spec.cancel.reason };
      return status.notBefore > now ? { kind: 'hold', until: status.notBefore } : { kind: 'launch' };
    case 'Running':
      if (job.spec.cancel !== null) return { kind: 'cancel', reason: job.spec.cancel.reason };
      return advanceRunning(job, status, observation, bounds, now);
    default:
      return assertNever(status);
  }
}

function advanceRunning(
  job: Job,
  status: Running,
  observation: AttemptObservation,
  bounds: JobBounds,
  now: Date,
): JobDecision {
  switch (observation.state) {
    case 'absent': {
      // Launching is tried again and again, but not for ever.
      const waited = (now.getTime() - status.startedAt.getTime()) / 1000;
      if (waited <= job.spec.wallSeconds) return { kind: 'relaunch' };
      const reason = `could not be started within ${job.spec.wallSeconds} s`;
      return retryOrFail(job, status, bounds, { reason, stop: true, endedAt: status.startedAt }, now);
    }
    case 'running': {
      const fault = faultOfRunning(job, status, observation, bounds, now);
      if (fault !== null) return retryOrFail(job, status, bounds, { reason: fault, stop: true, endedAt: now }, now);
      return {
        kind: 'wait',
        heartbeatAt: later(status.heartbeatAt, observation.heartbeatAt),
        progress: observation.progress ?? status.progress,
      };
    }
    case 'exited': {
      const endedAt = clamp(observation.endedAt ?? now, status.startedAt, now);
      if (observation.outputBytes > bounds.maxOutputBytes) {
        const reason = overQuota(observation.outputBytes, bounds.maxOutputBytes);
        return retryOrFail(job, status, bounds, { reason, stop: true, endedAt }, now);
      }
      if (observation.exitCode === 0) return { kind: 'collect', endedAt };
      const reason = describeExit(observation);
      const known = observation.exitCode === null ? undefined : DETERMINISTIC_EXITS[observation.exitCode];
      if (known !== undefined)
        return { kind: 'fail', stop: false, reason: `attempt ${status.attempt.number}: ${reason}`, endedAt };
      // Whatever the group left behind is ended with it.
      return retryOrFail(job, status, bounds, { reason, stop: true, endedAt }, now);
    }
    default:
      return assertNever(observation);
  }
}

/** What follows an attempt that failed in a way that another attempt may not. Total. */
export function retryOrFail(
  job: Job,
  status: Running,
  bounds: JobBounds,
  failure: { readonly reason: string; readonly stop: boolean; readonly endedAt: Date },
  now: Date,
): JobDecision {
  const { number } = status.attempt;
  const reason = `attempt ${number}: ${failure.reason}`;
  if (number >= job.spec.maxAttempts) return { kind: 'fail', stop: failure.stop, reason, endedAt: failure.endedAt };
  const pause = Math.min(bounds.maxBackoffSeconds, bounds.backoffSeconds * 2 ** Math.min(number - 1, 20));
  return {
    kind: 'retry',
    stop: failure.stop,
    reason,
    next: attemptOf(job.id, number + 1),
    notBefore: new Date(now.getTime() + pause * 1000),
    endedAt: failure.endedAt,
  };
}

function faultOfRunning(
  job: Job,
  status: Running,
  observation: Extract<AttemptObservation, { state: 'running' }>,
  bounds: JobBounds,
  now: Date,
): string | null {
  if (observation.outputBytes > bounds.maxOutputBytes) return overQuota(observation.outputBytes, bounds.maxOutputBytes);
  const ran = (now.getTime() - status.startedAt.getTime()) / 1000;
  if (ran > job.spec.wallSeconds) return `ran for ${ran.toFixed(0)} s, ${job.spec.wallSeconds} s are allowed`;
  const newest = later(status.startedAt, observation.heartbeatAt);
  const silent = (now.getTime() - newest.getTime()) / 1000;
  if (silent > bounds.silenceSeconds) return `no sign of life for ${silent.toFixed(0)} s`;
  return null;
}

function overQuota(bytes: number, most: number): string {
  return `output larger than ${megabytes(most)} MB (${megabytes(bytes)} MB)`;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);
}

function describeExit(observation: Extract<AttemptObservation, { state: 'exited' }>): string {
  const { exitCode, signal } = observation;
  const how =
    exitCode === null
      ? signal === null
        ? 'the runner is gone and left no exit code'
        : `the runner was ended by ${signal}`
      : (DETERMINISTIC_EXITS[exitCode] ??
        (exitCode === 5 ? 'the limits were exceeded' : `the runner exited with ${exitCode}`));
  const said = observation.error ?? lastLine(observation.logTail);
  return said === '' ? how : `${how}: ${said}`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim().slice(0, 300) ?? '';
}

function later(one: Date, other: Date): Date {
  return one > other ? one : other;
}

function clamp(date: Date, from: Date, to: Date): Date {
  if (date > to) return to;
  return date < from ? from : date;
}
