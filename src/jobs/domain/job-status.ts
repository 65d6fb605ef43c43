import type { Digest } from '../../kernel/index.js';
import type { Snapshot } from '../../telemetry/index.js';
import type { JobDecision } from './advance-job.js';
import type { AttemptObservation } from './attempt.js';
import type { Job, JobMishaps, JobProgress, JobStatus, JobWaiting } from './job.js';
import type { RunnerReport } from './report.js';

type Pending = Extract<JobStatus, { phase: 'Pending' }>;
type Running = Extract<JobStatus, { phase: 'Running' }>;
type Ended<Phase extends JobStatus['phase']> = Extract<JobStatus, { phase: Phase }>;
type Retry = Extract<JobDecision, { kind: 'retry' }>;

const NOTHING_YET: JobProgress = { step: 'launch', fraction: 0, message: 'starting' };

/** A heartbeat without news is saved so seldom; the runner is asked for the real one in every pass. */
const HEARTBEAT_SAVE_MS = 10_000;

/** How often progress is saved at most. */
const PROGRESS_SAVE_MS = 1000;

/** The intent to run the attempt, saved before it is launched. */
export function runningFrom(pending: Pending, snapshot: Snapshot, now: Date): Running {
  return {
    phase: 'Running',
    attempt: pending.attempt,
    snapshot,
    startedAt: now,
    heartbeatAt: now,
    progress: NOTHING_YET,
    runnerSeconds: pending.runnerSeconds,
    failures: pending.failures,
    ...mishapsOf(pending),
  };
}

/** Running as its runner sees it: whether it waits, and since when it runs. The same object when nothing is new. */
export function asSeen(running: Running, observation: AttemptObservation, now: Date): Running {
  const { waiting: before, ...rest } = running;
  if (observation.state === 'waiting') {
    const waiting = sameWait(before, observation.waiting);
    return waiting === before ? running : { ...rest, waiting };
  }
  if (observation.state === 'absent') return running;
  const { startedAt } = observation;
  if (before === undefined && (startedAt === undefined || startedAt <= running.startedAt)) return running;
  // What began while nobody looked began at the latest now, and never before it was launched: clocks differ.
  const began = startedAt ?? (before === undefined ? running.startedAt : now);
  return { ...rest, startedAt: between(began, running.startedAt, now) };
}

/** Pending with the reason why it was not launched; the same object when that is known already. */
export function pendingBecause(pending: Pending, kind: JobWaiting['kind'], message: string, now: Date): Pending {
  const waiting = sameWait(pending.waiting, { kind, message, since: now });
  return waiting === pending.waiting ? pending : { ...pending, waiting };
}

/** A wait of the same kind goes on since it began, whatever is said about it. */
function sameWait(before: JobWaiting | undefined, waiting: JobWaiting): JobWaiting {
  if (before?.kind !== waiting.kind) return waiting;
  return before.message === waiting.message ? before : { ...waiting, since: before.since };
}

function mishapsOf({ disruptions, smaller }: JobMishaps): JobMishaps {
  return { ...(disruptions !== undefined && { disruptions }), ...(smaller !== undefined && { smaller }) };
}

function between(date: Date, earliest: Date, latest: Date): Date {
  if (date < earliest) return earliest;
  return date > latest ? latest : date;
}

/** The attempt's run is over at `endedAt`: seconds of it and of all before. */
export function spentUntil(status: Pending | Running, endedAt: Date): number {
  if (status.phase === 'Pending' || status.waiting !== undefined) return status.runnerSeconds;
  return status.runnerSeconds + Math.max(0, endedAt.getTime() - status.startedAt.getTime()) / 1000;
}

/** Waiting for the next attempt, on the same data. */
export function pendingAgain(running: Running, retry: Retry): Pending {
  return {
    phase: 'Pending',
    attempt: retry.next,
    notBefore: retry.notBefore,
    snapshot: running.snapshot,
    runnerSeconds: spentUntil(running, retry.endedAt),
    failures: [...running.failures, retry.reason],
    ...mishapsOf({
      ...running,
      ...(retry.disrupted === true && { disruptions: (running.disruptions ?? 0) + 1 }),
      ...(retry.smaller === true && { smaller: true }),
    }),
  };
}

/** The end without a candidate. */
export function failedFrom(status: Pending | Running, reason: string, endedAt: Date, now: Date): Ended<'Failed'> {
  return {
    phase: 'Failed',
    attempt: status.attempt,
    snapshot: status.snapshot,
    finishedAt: now,
    runnerSeconds: spentUntil(status, endedAt),
    failures: [...status.failures, reason],
  };
}

/** The end that somebody asked for. */
export function cancelledFrom(status: Pending | Running, reason: string, now: Date): Ended<'Cancelled'> {
  return {
    phase: 'Cancelled',
    attempt: status.attempt,
    snapshot: status.snapshot,
    finishedAt: now,
    runnerSeconds: spentUntil(status, now),
    reason,
  };
}

/** The end with at least one candidate in the catalog. */
export function succeededFrom(
  running: Running,
  result: { readonly report: RunnerReport; readonly candidates: readonly Digest[]; readonly reference: Digest | null },
  endedAt: Date,
  now: Date,
): Ended<'Succeeded'> {
  return {
    phase: 'Succeeded',
    attempt: running.attempt,
    snapshot: running.snapshot,
    finishedAt: now,
    runnerSeconds: spentUntil(running, endedAt),
    ...result,
    failures: running.failures,
  };
}

/** Running with what was seen, or null when that is not worth a save. */
export function progressed(
  running: Running,
  seen: { readonly heartbeatAt: Date; readonly progress: JobProgress },
): Running | null {
  const news =
    seen.progress.step !== running.progress.step ||
    seen.progress.fraction !== running.progress.fraction ||
    seen.progress.message !== running.progress.message;
  const age = seen.heartbeatAt.getTime() - running.heartbeatAt.getTime();
  if (age < (news ? PROGRESS_SAVE_MS : HEARTBEAT_SAVE_MS)) return null;
  return { ...running, heartbeatAt: seen.heartbeatAt, progress: seen.progress };
}

/** The job with the wish to end. */
export function cancelWanted(job: Job, by: string, reason: string): Job {
  return { ...job, spec: { ...job.spec, cancel: { by, reason } } };
}
