import type { Condition, PodObject } from './objects.js';

/** What matters of a pod, each thing by itself. */
export interface PodSight {
  readonly createdAt: Date | null;
  /** When a machine took it. */
  readonly placedAt: Date | null;
  /** Why no machine has it, in the scheduler's words; null once one has. */
  readonly unplaced: string | null;
  /** Why its container does not start and will not by waiting a little. */
  readonly stuck: string | null;
  readonly startedAt: Date | null;
  readonly running: boolean;
  /** Its container's end. */
  readonly ended: { readonly exitCode: number; readonly at: Date | null; readonly outOfMemory: boolean } | null;
  /** It will not run any more, container or not. */
  readonly over: boolean;
  /** Preempted, evicted or drained away without having taken more than it may. */
  readonly disrupted: boolean;
  readonly overdue: boolean;
  readonly message: string | null;
}

type Container = NonNullable<NonNullable<PodObject['status']>['containerStatuses']>[number];

/** Reasons for which a container does not start and that do not heal by waiting a little. */
const UNSTARTABLE = new Set([
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
  'ImageInspectError',
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);

export function sightOfPod(pod: PodObject): PodSight {
  const { status = {} } = pod;
  const container = status.containerStatuses?.[0];
  return {
    createdAt: dateOf(pod.metadata.creationTimestamp),
    placedAt: dateOf(status.startTime),
    unplaced: unplaced(pod),
    stuck: stuck(container),
    ...lifeOf(container),
    over: status.phase === 'Failed' || status.phase === 'Succeeded',
    disrupted: isDisrupted(pod),
    overdue: status.reason === 'DeadlineExceeded',
    message: status.message ?? null,
  };
}

/** The condition when it holds. */
export function holds(conditions: readonly Condition[] | undefined, type: string): Condition | null {
  return conditions?.find((condition) => condition.type === type && condition.status === 'True') ?? null;
}

export function dateOf(text: string | undefined): Date | null {
  if (text === undefined) return null;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? null : date;
}

function unplaced(pod: PodObject): string | null {
  const scheduled = pod.status?.conditions?.find((condition) => condition.type === 'PodScheduled');
  if (scheduled?.status === 'True') return null;
  return scheduled?.message ?? 'no machine was found for it yet';
}

function stuck(container: Container | undefined): string | null {
  const waiting = container?.state?.waiting;
  if (waiting?.reason === undefined || !UNSTARTABLE.has(waiting.reason)) return null;
  return [waiting.reason, waiting.message ?? '']
    .filter((part) => part !== '')
    .join(': ')
    .slice(0, 500);
}

function lifeOf(container: Container | undefined): Pick<PodSight, 'startedAt' | 'running' | 'ended'> {
  const { running, terminated } = container?.state ?? {};
  if (terminated === undefined)
    return { startedAt: dateOf(running?.startedAt), running: running !== undefined, ended: null };
  const { exitCode, reason } = terminated;
  const ended = { exitCode, at: dateOf(terminated.finishedAt), outOfMemory: reason === 'OOMKilled' };
  return { startedAt: dateOf(terminated.startedAt), running: false, ended };
}

/** A pod that took more disk than it may is evicted, too; that is its own doing. */
function isDisrupted(pod: PodObject): boolean {
  const condition = holds(pod.status?.conditions, 'DisruptionTarget');
  if (condition === null) return false;
  return !/exceed|usage of emptydir/i.test(`${pod.status?.message ?? ''} ${condition.message ?? ''}`);
}
