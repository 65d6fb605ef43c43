import { type Aggregate, type Digest, factType, type Transitions } from '../../kernel/index.js';
import type { JobPlacement } from '../../models/index.js';
import type { Snapshot } from '../../telemetry/index.js';
import type { RecipeName } from '../../triggers/index.js';
import type { RunnerReport } from './report.js';

export interface JobSpec {
  readonly trigger: string;
  readonly recipe: RecipeName;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly reference: Digest;
  readonly champion: Digest;
  readonly freshSince: Date | null;
  readonly wallSeconds: number;
  readonly maxRssBytes: number;
  readonly threads: number;
  /** GPUs that an attempt has for itself; absent = 0. Their time is charged to the GPU budget. */
  readonly gpus?: number;
  /** Where attempts may run; absent = anywhere. */
  readonly placement?: JobPlacement;
  readonly maxAttempts: number;
  /** Set once somebody wants it to end; it wins over everything else. */
  readonly cancel: CancelRequest | null;
}

/** Who wants the job to end, and why. */
export interface CancelRequest {
  readonly by: string;
  readonly reason: string;
}

export interface JobProgress {
  /** Recipe step that runs, e.g. `calibrate`. */
  readonly step: string;
  /** Share of the whole job that is done, 0..1. */
  readonly fraction: number;
  readonly message: string;
}

/**
 * What a job can wait for. Before the launch: `slot` (as many jobs run as may), `gpu` (as many GPUs are taken as may be),
 * `samples` (too few yet). On the runner: `quota` (a queue has not admitted it), `capacity` (no machine has room), `image`
 * (what it runs cannot be fetched or started), `starting`.
 */
export const WAITS = ['slot', 'gpu', 'samples', 'quota', 'capacity', 'image', 'starting'] as const;

/** Why a job that is wanted does not run yet; for people, with the time since which it is so. */
export interface JobWaiting {
  readonly kind: (typeof WAITS)[number];
  readonly message: string;
  readonly since: Date;
}

/** What attempts went through that counts neither as success nor as their own failure. */
export interface JobMishaps {
  /** Attempts that were preempted, evicted or drained away: they do not count against `maxAttempts`. Absent = 0. */
  readonly disruptions?: number;
  /** An attempt ran out of memory: from then on batches are half as large. Absent = false. */
  readonly smaller?: boolean;
}

export interface JobAttempt {
  /** 1, 2, … */
  readonly number: number;
  /** `<job>-a<number>`; what the runner calls it. */
  readonly name: string;
}

export type JobStatus =
  | (JobMishaps & {
      readonly phase: 'Pending';
      /** Why it was not launched when it could have been; absent = it was not tried yet. */
      readonly waiting?: JobWaiting;
      readonly attempt: JobAttempt;
      /** Not launched before this time: back-off after a failed attempt. */
      readonly notBefore: Date;
      /** The frozen data; null until the first attempt is about to be launched. Later attempts read the same. */
      readonly snapshot: Snapshot | null;
      /** Seconds that the attempts before this one ran. */
      readonly runnerSeconds: number;
      readonly failures: readonly string[];
    })
  | (JobMishaps & {
      readonly phase: 'Running';
      /** Why the runner, which has it, does not run it yet; absent = it runs, or nobody has looked. */
      readonly waiting?: JobWaiting;
      readonly attempt: JobAttempt;
      readonly snapshot: Snapshot;
      /** When the attempt was launched, then when it began to run. */
      readonly startedAt: Date;
      readonly heartbeatAt: Date;
      readonly progress: JobProgress;
      readonly runnerSeconds: number;
      readonly failures: readonly string[];
    })
  | {
      readonly phase: 'Succeeded';
      readonly attempt: JobAttempt;
      readonly snapshot: Snapshot;
      readonly finishedAt: Date;
      /** Seconds that all attempts ran. */
      readonly runnerSeconds: number;
      readonly candidates: readonly Digest[];
      /** A newly trained reference, when the recipe made one. */
      readonly reference: Digest | null;
      /** The runner's report as it was written. */
      readonly report: RunnerReport;
      readonly failures: readonly string[];
    }
  | {
      readonly phase: 'Failed';
      readonly attempt: JobAttempt;
      /** What its attempts read; null when none was launched. */
      readonly snapshot: Snapshot | null;
      readonly finishedAt: Date;
      readonly runnerSeconds: number;
      readonly failures: readonly string[];
    }
  | {
      readonly phase: 'Cancelled';
      readonly attempt: JobAttempt;
      readonly snapshot: Snapshot | null;
      readonly finishedAt: Date;
      readonly runnerSeconds: number;
      readonly reason: string;
    };

/** One run of a recipe. Id: `<trigger>-job`. */
export type Job = Aggregate<JobSpec, JobStatus>;

/** Id of the job that a trigger leads to. */
export function jobOf(trigger: string): string {
  return `${trigger}-job`;
}

/** Attempt `number` of a job; the same name every time, so that launching twice is launching once. */
export function attemptOf(job: string, number: number): JobAttempt {
  return { number, name: `${job}-a${number}` };
}

export const JOB_TRANSITIONS = {
  Pending: ['Running', 'Failed', 'Cancelled'],
  Running: ['Pending', 'Succeeded', 'Failed', 'Cancelled'],
  Succeeded: [],
  Failed: [],
  Cancelled: [],
} as const satisfies Transitions<JobStatus['phase']>;

/** A job made at least one candidate. */
export const JobSucceeded = factType<{ readonly job: string; readonly model: string; readonly trigger: string }>(
  'jobs.succeeded',
);
/** A job ended without a candidate, for good. */
export const JobFailed = factType<{
  readonly job: string;
  readonly model: string;
  readonly trigger: string;
  readonly reason: string;
}>('jobs.failed');
