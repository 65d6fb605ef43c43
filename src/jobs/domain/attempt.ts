import type { JobProgress, JobWaiting } from './job.js';

/**
 * `out-of-memory`: killed for what it held. `disrupted`: preempted, evicted or drained away, without any fault of its own.
 * `deadline`: ended by the runner because it ran for longer than it may.
 */
export type ExitCause = 'out-of-memory' | 'disrupted' | 'deadline';

/** What a runner can be seen to do with one attempt. */
export type AttemptObservation =
  | { readonly state: 'absent' }
  /** The runner has it, but nothing of it runs yet; this time is neither charged nor part of the wall time. */
  | { readonly state: 'waiting'; readonly waiting: JobWaiting }
  | {
      readonly state: 'running';
      /** Time of the newest sign of life; the start when there was none yet. */
      readonly heartbeatAt: Date;
      readonly progress: JobProgress | null;
      /** What the attempt has written so far. */
      readonly outputBytes: number;
      /** When it began to run, where that is not when it was launched. */
      readonly startedAt?: Date;
    }
  | {
      readonly state: 'exited';
      /** null when the process is gone and left no code: it was killed, or the machine went down. */
      readonly exitCode: number | null;
      readonly signal: string | null;
      /** What it said about its failure (`error.json`), when it said something. */
      readonly error: string | null;
      readonly logTail: string;
      readonly endedAt: Date | null;
      readonly outputBytes: number;
      /** As with one that runs. */
      readonly startedAt?: Date;
      /** What its surroundings did to it; absent = nothing that is known. */
      readonly cause?: ExitCause;
    };
