import type { JobProgress } from './job.js';

/** What a runner can be seen to do with one attempt. */
export type AttemptObservation =
  | { readonly state: 'absent' }
  | {
      readonly state: 'running';
      /** Time of the newest sign of life; the start when there was none yet. */
      readonly heartbeatAt: Date;
      readonly progress: JobProgress | null;
      /** What the attempt has written so far. */
      readonly outputBytes: number;
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
    };
