import type { AttemptObservation, ExitCause } from '../../domain/attempt.js';
import type { JobWaiting } from '../../domain/job.js';
import type { AttemptNews } from '../../ports.js';
import type { Condition, JobObject, PodObject } from './objects.js';
import { dateOf, holds, type PodSight, sightOfPod } from './pod-sight.js';

type Exited = Extract<AttemptObservation, { state: 'exited' }>;
type Said = NonNullable<AttemptNews['ended']>;

/** Shells report a death by signal n as 128 + n. */
const SIGNALS: Readonly<Record<number, string>> = { 137: 'SIGKILL', 139: 'SIGSEGV', 143: 'SIGTERM' };

/**
 * What an attempt is seen to do, from its Job, its pods and what it told through the job API. Total. Its own word about
 * its end counts more than its pod's: the report was sent before it. Only what was done to it counts more than its word.
 */
export function readAttempt(
  job: JobObject | null,
  pods: readonly PodObject[],
  news: AttemptNews,
  now: Date,
): AttemptObservation {
  const newest = newestOf(pods);
  const pod = newest === null ? null : sightOfPod(newest);
  if (job === null && pod === null) return withoutJob(news);
  const ended = endOf(job, pod, news);
  if (ended !== null) return pod?.startedAt == null ? ended : { ...ended, startedAt: pod.startedAt };
  if (pod?.running === true) return runningSince(pod.startedAt ?? now, news);
  return { state: 'waiting', waiting: pod === null ? waitForPod(job, now) : waitOfPod(pod, now) };
}

/** True for a Job that ended, well or not. */
export function isFinished(job: JobObject): boolean {
  return holds(job.status?.conditions, 'Complete') !== null || holds(job.status?.conditions, 'Failed') !== null;
}

function runningSince(since: Date, news: AttemptNews): AttemptObservation {
  return {
    state: 'running',
    startedAt: since,
    heartbeatAt: news.heartbeatAt !== null && news.heartbeatAt > since ? news.heartbeatAt : since,
    progress: news.progress,
    outputBytes: news.outputBytes,
  };
}

/** Nothing of it is in the cluster: it was never there, or it is gone. It told us something only if it ran. */
function withoutJob(news: AttemptNews): AttemptObservation {
  if (news.ended !== null) return ownWord(news, news.ended);
  if (news.heartbeatAt === null) return { state: 'absent' };
  return { ...wordless(news), error: 'its Job is gone from the cluster', endedAt: news.heartbeatAt };
}

function endOf(job: JobObject | null, pod: PodSight | null, news: AttemptNews): Exited | null {
  const said = news.ended;
  const failed = holds(job?.status?.conditions, 'Failed');
  const deleted = pod === null && isGoing(job);
  if (said === null && failed === null && !deleted && !isOver(pod)) return null;
  const cause = inflictedOn(job, pod, failed);
  // A good end is a good end, and a refusal is one, whatever happened to the pod afterwards.
  if (said !== null && isFinal(said)) return ownWord(news, said);
  const reason = deleted ? 'its Job was deleted by somebody else' : explanation(pod, failed);
  const end = said === null ? byItsPod(pod, failed, news, reason) : ownWord(news, said);
  return withCause(end, cause);
}

function withCause(end: Exited, cause: ExitCause | null): Exited {
  return cause === null ? end : { ...end, cause };
}

function isGoing(job: JobObject | null): boolean {
  return job !== null && job.metadata.deletionTimestamp !== undefined;
}

function isOver(pod: PodSight | null): boolean {
  return pod !== null && (pod.over || pod.ended !== null);
}

/** The end of one that left no word. Even a good exit code is none then: nothing was handed over. */
function byItsPod(pod: PodSight | null, failed: Condition | null, news: AttemptNews, reason: string | null): Exited {
  const ended = pod?.ended ?? null;
  const endedAt = ended?.at ?? dateOf(failed?.lastTransitionTime);
  if (ended === null) return { ...wordless(news), error: reason, endedAt };
  if (ended.exitCode === 0) return { ...wordless(news), error: 'it ended without telling how', endedAt };
  const { exitCode } = ended;
  return { ...wordless(news), exitCode, signal: SIGNALS[exitCode] ?? null, error: reason, endedAt };
}

/** What the surroundings did to it, strongest first. */
function inflictedOn(job: JobObject | null, pod: PodSight | null, failed: Condition | null): ExitCause | null {
  // Its queue has taken the machine back.
  if (job?.spec.suspend === true) return 'disrupted';
  const ofPod = pod === null ? null : inflictedOnPod(pod);
  if (ofPod !== null || failed === null) return ofPod;
  if (failed.reason === 'DeadlineExceeded') return 'deadline';
  // A pod that was driven away may be gone; its Job remembers why it failed.
  const remembered = failed.reason === 'PodFailurePolicy' && (failed.message ?? '').includes('DisruptionTarget');
  return pod === null && remembered ? 'disrupted' : null;
}

function inflictedOnPod(pod: PodSight): ExitCause | null {
  if (pod.ended?.outOfMemory === true) return 'out-of-memory';
  if (pod.disrupted) return 'disrupted';
  return pod.overdue ? 'deadline' : null;
}

function explanation(pod: PodSight | null, failed: Condition | null): string | null {
  const ofJob = failed?.reason === 'BackoffLimitExceeded' ? null : (failed?.message ?? null);
  const parts = [pod?.message ?? null, ofJob].filter((part) => part !== null && part !== '');
  return parts.length === 0 ? null : parts.join('; ').slice(0, 500);
}

function ownWord(news: AttemptNews, said: Said): Exited {
  const { exitCode, error, at } = said;
  return { ...wordless(news), exitCode, signal: SIGNALS[exitCode] ?? null, error, endedAt: at };
}

function wordless(news: AttemptNews): Exited {
  const { logTail, outputBytes } = news;
  return { state: 'exited', exitCode: null, signal: null, error: null, logTail, endedAt: null, outputBytes };
}

function waitForPod(job: JobObject | null, now: Date): JobWaiting {
  const since = dateOf(job?.metadata.creationTimestamp) ?? now;
  return job?.spec.suspend === true
    ? { kind: 'quota', message: 'its queue has not admitted it yet', since }
    : { kind: 'capacity', message: 'the cluster has not made its pod yet', since };
}

function waitOfPod(pod: PodSight, now: Date): JobWaiting {
  const since = pod.createdAt ?? now;
  if (pod.unplaced !== null) return { kind: 'capacity', message: pod.unplaced, since };
  const placed = pod.placedAt ?? since;
  return pod.stuck === null
    ? { kind: 'starting', message: 'its machine fetches what it needs', since: placed }
    : { kind: 'image', message: pod.stuck, since: placed };
}

/** There is one, unless somebody made another by hand: the newest is what counts. */
function newestOf(pods: readonly PodObject[]): PodObject | null {
  return pods.reduce<PodObject | null>(
    (newest, pod) =>
      newest === null || pod.metadata.creationTimestamp > newest.metadata.creationTimestamp ? pod : newest,
    null,
  );
}

/** Exit 0 handed its report over; 2 to 4 are what the runner says of its document, data or model. */
function isFinal({ exitCode }: Said): boolean {
  return exitCode === 0 || (exitCode >= 2 && exitCode <= 4);
}
