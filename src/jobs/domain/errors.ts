import { RatchetError } from '../../kernel/index.js';

/** Thrown when an attempt's report or one of its files is missing, malformed or not what the report says. */
export class BrokenReport extends RatchetError {
  readonly code = 'unprocessable';
  constructor(attempt: string, reason: string, options?: { cause?: unknown }) {
    super(`The report of attempt "${attempt}" is broken: ${reason}`, { attempt, reason }, options);
  }
}

/** Thrown when an attempt cannot be started on this machine, e.g. because there is no Python where the setting says. */
export class RunnerUnavailable extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(attempt: string, reason: string, options?: { cause?: unknown }) {
    super(`Attempt "${attempt}" cannot be started: ${reason}`, { attempt, reason }, options);
  }
}

/** Thrown when an attempt's name could be taken for a path or a pattern. */
export class UnsafeAttemptName extends RatchetError {
  readonly code = 'invalid';
  constructor(name: string) {
    super(`"${name}" cannot name an attempt: letters, digits, dots, dashes and underscores, at most 200.`, { name });
  }
}
