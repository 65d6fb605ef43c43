import type { AttemptObservation } from './domain/attempt.js';
import type { Job, JobAttempt } from './domain/job.js';
import type { ReportedArtifact, RunnerReport } from './domain/report.js';

export abstract class JobStore {
  abstract find(id: string): Promise<Job | null>;
  abstract require(id: string): Promise<Job>;
  /** Newest first. */
  abstract list(model: string): Promise<Job[]>;
  abstract listUnfinished(): Promise<Job[]>;
  /**
   * How many jobs are Running. Must be called inside a unit of work: until it ends nobody else gets an answer, so that
   * the bound on concurrent jobs holds with several control planes too.
   */
  abstract countRunningExclusively(): Promise<number>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(job: Job): Promise<Job>;
}

/** Runs attempts somewhere. Names are deterministic, so launching twice is launching once. */
export abstract class Runner {
  /**
   * Starts the attempt with this job document; a no-op when an attempt of that name runs or has run.
   * `document` is the runner's job document without the output folder, which the runner decides.
   * @throws RunnerUnavailable
   */
  abstract launch(attempt: JobAttempt, document: Readonly<Record<string, unknown>>): Promise<void>;
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
