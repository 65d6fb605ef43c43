import { assertNever } from '../../kernel/index.js';
import type { AttemptObservation, ExitCause } from './attempt.js';
import { attemptOf, type Job, type JobAttempt, type JobProgress, type JobStatus } from './job.js';

/** Bounds of the installation; those of one job are in its spec. */
export interface JobBounds {
  /** A runner that shows no sign of life for so long is taken for hung. */
  readonly silenceSeconds: number;
  /** Pause before the second attempt; it doubles with each further one. */
  readonly backoffSeconds: number;
  readonly maxBackoffSeconds: number;
  readonly maxOutputBytes: number;
  /** How long an attempt may wait for a quota or for a machine. */
  readonly waitSeconds: number;
  /** How long an attempt that has a machine may take until it runs; fetching its image is part of it. */
  readonly startSeconds: number;
  /** So many disruptions cost a job no attempt; further ones do. */
  readonly maxDisruptions: number;
}

/** The wanted end of a pass. `stop` says that the attempt must be ended first, and ending twice is ending once. */
export type JobDecision =
  | { readonly kind: 'hold'; readonly until: Date }
  /** Freeze the data, save `Running`, start the attempt. */
  | { readonly kind: 'launch' }
  /** `Running` was saved, but nothing runs: the pass before died in between. */
  | { readonly kind: 'relaunch' }
  /** The runner has it and waits for something itself; `asSeen` says what. */
  | { readonly kind: 'await' }
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
      /** It was not the attempt's fault and does not count as one. */
      readonly disrupted?: boolean;
      /** The next one takes smaller batches. */
      readonly smaller?: boolean;
    }
  | { readonly kind: 'fail'; readonly stop: boolean; readonly reason: string; readonly endedAt: Date }
  | { readonly kind: 'cancel'; readonly reason: string }
  | { readonly kind: 'rest' };

type Running = Extract<JobStatus, { phase: 'Running' }>;
type Exited = Extract<AttemptObservation, { state: 'exited' }>;

/** What exit codes promise: with these the same job document ends the same way again. */
const DETERMINISTIC_EXITS: Readonly<Record<number, string>> = {
  2: 'the runner refused the job document',
  3: 'the data are unusable',
  4: 'the model is unusable',
};

/**
 * What is to be done about a job, given what its runner was seen to do. Total, and free of side effects: the same
 * arguments give the same decision, so any pass may be repeated. A wish to cancel wins in every phase that is not
 * terminal. A running job is given as it was seen (`asSeen` with the same observation).
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
    case 'waiting': {
      const { kind, message, since } = status.waiting ?? observation.waiting;
      const waited = (now.getTime() - since.getTime()) / 1000;
      const most = kind === 'image' || kind === 'starting' ? bounds.startSeconds : bounds.waitSeconds;
      if (waited <= most) return { kind: 'await' };
      const reason = `did not begin within ${waited.toFixed(0)} s: ${message}`;
      return retryOrFail(job, status, bounds, { reason, stop: true, endedAt: now }, now);
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
      return advanceExited(job, status, observation, bounds, endedAt, now);
    }
    default:
      return assertNever(observation);
  }
}

/** The runner could not reach us for too long: a fault of the surroundings, not of the attempt. */
const UNHEARD_EXIT = 6;

function advanceExited(
  job: Job,
  status: Running,
  observation: Exited,
  bounds: JobBounds,
  endedAt: Date,
  now: Date,
): JobDecision {
  if (observation.exitCode === 0) return { kind: 'collect', endedAt };
  const reason = describeExit(observation);
  const known = observation.exitCode === null ? undefined : DETERMINISTIC_EXITS[observation.exitCode];
  if (known !== undefined)
    return { kind: 'fail', stop: false, reason: `attempt ${status.attempt.number}: ${reason}`, endedAt };
  // Whatever the group left behind is ended with it.
  const failure = { reason, stop: true, endedAt };
  if (
    (observation.cause === 'disrupted' || observation.exitCode === UNHEARD_EXIT) &&
    (status.disruptions ?? 0) < bounds.maxDisruptions
  )
    return retry(job, status, bounds, failure, now, { disrupted: true });
  if (!ranOutOfMemory(observation)) return retryOrFail(job, status, bounds, failure, now);
  if (status.smaller === true) {
    const again = `attempt ${status.attempt.number}: ${reason} (with smaller batches, too)`;
    return { kind: 'fail', stop: true, reason: again, endedAt };
  }
  const next = retryOrFail(job, status, bounds, failure, now);
  return next.kind === 'retry' ? { ...next, smaller: true } : next;
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
  const counted = number - (status.disruptions ?? 0);
  if (counted < job.spec.maxAttempts) return retry(job, status, bounds, failure, now, {});
  return { kind: 'fail', stop: failure.stop, reason: `attempt ${number}: ${failure.reason}`, endedAt: failure.endedAt };
}

function retry(
  job: Job,
  status: Running,
  bounds: JobBounds,
  failure: { readonly reason: string; readonly stop: boolean; readonly endedAt: Date },
  now: Date,
  why: { readonly disrupted?: boolean },
): JobDecision {
  const { number } = status.attempt;
  const doublings = Math.min(number - 1 - (status.disruptions ?? 0), 20);
  const pause = Math.min(bounds.maxBackoffSeconds, bounds.backoffSeconds * 2 ** doublings);
  return {
    kind: 'retry',
    stop: failure.stop,
    reason: `attempt ${number}: ${failure.reason}`,
    next: attemptOf(job.id, number + 1),
    notBefore: new Date(now.getTime() + pause * 1000),
    endedAt: failure.endedAt,
    ...why,
  };
}

/** Killed for what it held, or ended by its own watch for it (exit 5 says so in words). */
function ranOutOfMemory({ cause, exitCode, error }: Exited): boolean {
  return cause === 'out-of-memory' || (exitCode === 5 && /\bmemory\b/i.test(error ?? ''));
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

const UNLUCKY_EXITS: Readonly<Record<number, string>> = {
  5: 'the limits were exceeded',
  6: 'the runner could not reach the job API',
};

const CAUSES: Readonly<Record<ExitCause, string>> = {
  'out-of-memory': 'the runner was killed because it ran out of memory',
  disrupted: 'the runner was driven away (preempted, evicted or drained)',
  deadline: 'the runner was ended because it ran for longer than it may',
};

function describeExit(observation: Exited): string {
  const { exitCode, signal, cause } = observation;
  const how =
    cause !== undefined
      ? CAUSES[cause]
      : exitCode === null
        ? signal === null
          ? 'the runner is gone and left no exit code'
          : `the runner was ended by ${signal}`
        : (DETERMINISTIC_EXITS[exitCode] ?? UNLUCKY_EXITS[exitCode] ?? `the runner exited with ${exitCode}`);
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
