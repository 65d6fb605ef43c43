import { type Aggregate, type Digest, factType, type Transitions } from '../../kernel/index.js';
import type { Snapshot } from '../../telemetry/index.js';
import type { RecipeName } from '../../triggers/index.js';

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
  readonly maxAttempts: number;
}

export interface JobProgress {
  /** Recipe step that runs, e.g. `calibrate`. */
  readonly step: string;
  /** Share of the whole job that is done, 0..1. */
  readonly fraction: number;
  readonly message: string;
}

export interface JobAttempt {
  /** 1, 2, … */
  readonly number: number;
  /** `<job>-a<number>`; what the runner calls it. */
  readonly name: string;
}

export type JobStatus =
  | { readonly phase: 'Pending'; readonly attempt: JobAttempt; readonly notBefore: Date; readonly failures: readonly string[] }
  | {
      readonly phase: 'Running';
      readonly attempt: JobAttempt;
      readonly snapshot: Snapshot;
      readonly startedAt: Date;
      readonly heartbeatAt: Date;
      readonly progress: JobProgress;
      readonly failures: readonly string[];
    }
  | {
      readonly phase: 'Succeeded';
      readonly attempt: JobAttempt;
      readonly snapshot: Snapshot;
      readonly finishedAt: Date;
      readonly runnerSeconds: number;
      readonly candidates: readonly Digest[];
      /** A newly trained reference, when the recipe made one. */
      readonly reference: Digest | null;
      /** The runner's report as it was written. */
      readonly report: Readonly<Record<string, unknown>>;
      readonly failures: readonly string[];
    }
  | { readonly phase: 'Failed'; readonly attempt: JobAttempt; readonly finishedAt: Date; readonly failures: readonly string[] }
  | { readonly phase: 'Cancelled'; readonly attempt: JobAttempt; readonly finishedAt: Date; readonly reason: string };

/** One run of a recipe. Id: `<trigger>-job`. */
export type Job = Aggregate<JobSpec, JobStatus>;

export const JOB_TRANSITIONS = {
  Pending: ['Running', 'Failed', 'Cancelled'],
  Running: ['Pending', 'Succeeded', 'Failed', 'Cancelled'],
  Succeeded: [],
  Failed: [],
  Cancelled: [],
} as const satisfies Transitions<JobStatus['phase']>;

/** A job made at least one candidate. */
export const JobSucceeded = factType<{ readonly job: string; readonly model: string; readonly trigger: string }>('jobs.succeeded');
/** A job ended without a candidate, for good. */
export const JobFailed = factType<{ readonly job: string; readonly model: string; readonly trigger: string; readonly reason: string }>(
  'jobs.failed',
);
