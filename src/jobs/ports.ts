import type { AttemptObservation } from './domain/attempt.js';
import type { JobPlacement } from '../models/index.js';
import type { Job, JobAttempt, JobProgress } from './domain/job.js';
import type { Occupancy } from './domain/admission.js';
import type { ReportedArtifact, RunnerReport } from './domain/report.js';

export abstract class JobStore {
  abstract find(id: string): Promise<Job | null>;
  abstract require(id: string): Promise<Job>;
  /** Newest first. */
  abstract list(model: string): Promise<Job[]>;
  abstract listUnfinished(): Promise<Job[]>;
  /** What is taken, as `job` has to see it that wants to start. */
  abstract occupancy(job: Job): Promise<Occupancy>;
  /**
   * Must be called inside a unit of work: until it ends nobody else gets past here, so that the bounds on concurrent jobs
   * and GPUs hold with several control planes too.
   */
  abstract lockAdmission(): Promise<void>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(job: Job): Promise<Job>;
}

/** What an attempt needs of the machine that it runs on. */
export interface AttemptNeeds {
  readonly model: string;
  readonly gpus: number;
  /** null = anywhere. */
  readonly placement: JobPlacement | null;
  readonly wallSeconds: number;
  readonly maxRssBytes: number;
  readonly threads: number;
}

/** Runs attempts somewhere. Names are deterministic, so launching twice is launching once. */
export abstract class Runner {
  /**
   * Starts the attempt with this job document; a no-op when an attempt of that name runs or has run.
   * `document` is the runner's job document without the output folder, which the runner decides.
   * @throws RunnerUnavailable when the same call may succeed later
   * @throws AttemptRefused when it never will
   */
  abstract launch(attempt: JobAttempt, document: Readonly<Record<string, unknown>>, needs: AttemptNeeds): Promise<void>;
  abstract observe(attempt: JobAttempt): Promise<AttemptObservation>;
  /** Reads `report.json`. @throws BrokenReport when it is missing, no JSON or not of the schema's shape */
  abstract report(attempt: JobAttempt): Promise<RunnerReport>;
  /**
   * Absolute path of a file that the report names, after its size and sha256 were compared with the report; never
   * outside the attempt's output folder, never a link. @throws BrokenReport
   */
  abstract outputPath(attempt: JobAttempt, artifact: ReportedArtifact): Promise<string>;
  /** Ends the attempt: SIGTERM, grace, SIGKILL of the whole process group. Idempotent. */
  abstract stop(attempt: JobAttempt): Promise<void>;
  /**
   * Stops attempts of this installation that run and that `known` does not contain; returns their names. `known` is
   * asked after the running ones were listed, so that one launched meanwhile is never taken for an orphan.
   */
  abstract sweep(known: () => Promise<ReadonlySet<string>>): Promise<string[]>;
  /** Forgets what attempts left behind that `known` does not contain and that ended before `before`; returns names. */
  abstract clear(known: ReadonlySet<string>, before: Date): Promise<string[]>;
}

/** What an attempt that runs elsewhere told through the job API. */
export interface AttemptNews {
  /** Newest sign of life; null when there was none. */
  readonly heartbeatAt: Date | null;
  readonly progress: JobProgress | null;
  readonly outputBytes: number;
  readonly logTail: string;
  /** What it said about its failure, and its own exit code; null while it runs. */
  readonly ended: { readonly exitCode: number; readonly error: string | null; readonly at: Date } | null;
}

/**
 * What attempts on other machines read and write, through the job API: they have a token of their own and nothing else of
 * ours. The other side of it is the runner's client.
 */
export abstract class AttemptExchange {
  /**
   * Keeps the attempt's document, whose files it may read from now on, and makes its token, which is given out this once
   * (opening it again makes the old token void). Idempotent otherwise.
   */
  abstract open(attempt: JobAttempt, document: Readonly<Record<string, unknown>>): Promise<{ readonly token: string }>;
  abstract news(attempt: JobAttempt): Promise<AttemptNews>;
  /** @throws BrokenReport when it was not uploaded, is no JSON or not of the schema's shape */
  abstract report(attempt: JobAttempt): Promise<RunnerReport>;
  /** Absolute path of an uploaded file, after its size and sha256 were compared with the report. @throws BrokenReport */
  abstract outputPath(attempt: JobAttempt, artifact: ReportedArtifact): Promise<string>;
  /** The token is void from now on; what was uploaded stays. Idempotent. */
  abstract close(attempt: JobAttempt): Promise<void>;
  /** Forgets what attempts uploaded that `known` does not contain and that ended before `before`; returns names. */
  abstract clear(known: ReadonlySet<string>, before: Date): Promise<string[]>;
}
