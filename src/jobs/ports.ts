import type { Job, JobAttempt, JobProgress } from './domain/job.js';

export abstract class JobStore {
  abstract find(id: string): Promise<Job | null>;
  abstract require(id: string): Promise<Job>;
  /** Newest first. */
  abstract list(model: string): Promise<Job[]>;
  abstract listUnfinished(): Promise<Job[]>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(job: Job): Promise<Job>;
}

/** What a runner can be seen to do with one attempt. */
export type AttemptObservation =
  | { readonly state: 'absent' }
  | { readonly state: 'running'; readonly heartbeatAt: Date; readonly progress: JobProgress | null }
  | { readonly state: 'exited'; readonly exitCode: number | null; readonly signal: string | null; readonly logTail: string };

/** Runs attempts somewhere. Names are deterministic, so launching twice is launching once. */
export abstract class Runner {
  /**
   * Starts the attempt with this job document; a no-op when an attempt of that name runs or has run.
   * `document` is the runner's job document without the output folder, which the runner decides.
   */
  abstract launch(attempt: JobAttempt, document: Readonly<Record<string, unknown>>): Promise<void>;
  abstract observe(attempt: JobAttempt): Promise<AttemptObservation>;
  /** Reads `report.json`. @throws BrokenReport when it is missing, no JSON or not of the schema's shape */
  abstract report(attempt: JobAttempt): Promise<Readonly<Record<string, unknown>>>;
  /** Absolute path of a file that the report names; never outside the attempt's output folder. @throws BrokenReport */
  abstract outputPath(attempt: JobAttempt, file: string): Promise<string>;
  /** Ends the attempt: SIGTERM, grace, SIGKILL of the whole process group. Idempotent. */
  abstract stop(attempt: JobAttempt): Promise<void>;
  /** Names of attempts that run and that `known` does not contain are stopped; their names are returned. */
  abstract sweep(known: ReadonlySet<string>): Promise<string[]>;
}
