import { RatchetError } from '../../kernel/index.js';

/** Thrown when an attempt's report or one of its files is missing, malformed or not what the report says. */
export class BrokenReport extends RatchetError {
  readonly code = 'unprocessable';
  constructor(attempt: string, reason: string, options?: { cause?: unknown }) {
    super(`The report of attempt "${attempt}" is broken: ${reason}`, { attempt, reason }, options);
  }
}

/** Thrown when an attempt cannot be started now, e.g. because there is no Python where the setting says. */
export class RunnerUnavailable extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(attempt: string, reason: string, options?: { cause?: unknown }) {
    super(`Attempt "${attempt}" cannot be started: ${reason}`, { attempt, reason }, options);
  }
}

/** Thrown when an attempt can never be started as it is wanted, e.g. because something else has its name. */
export class AttemptRefused extends RatchetError {
  readonly code = 'unprocessable';
  constructor(attempt: string, reason: string, options?: { cause?: unknown }) {
    super(`Attempt "${attempt}" is refused: ${reason}`, { attempt, reason }, options);
  }
}

/** Thrown when an attempt's name could be taken for a path or a pattern. */
export class UnsafeAttemptName extends RatchetError {
  readonly code = 'invalid';
  constructor(name: string) {
    super(`"${name}" cannot name an attempt: letters, digits, dots, dashes and underscores, at most 200.`, { name });
  }
}

/** Thrown when a token is good, but for another attempt than the one that is named. */
export class AnothersAttempt extends RatchetError {
  readonly code = 'forbidden';
  constructor(attempt: string) {
    super(`This token is not the attempt "${attempt}"'s.`, { attempt });
  }
}

/** Thrown when an attempt that said how it ended wants to send more. */
export class AttemptEnded extends RatchetError {
  readonly code = 'conflict';
  constructor(attempt: string) {
    super(`The attempt "${attempt}" has ended; nothing more is taken from it.`, { attempt });
  }
}

/** Thrown when an attempt sends more than it may write. */
export class OutputTooLarge extends RatchetError {
  readonly code = 'too_large';
  constructor(attempt: string, bytes: number, most: number) {
    super(`The attempt "${attempt}" sends ${bytes} bytes; ${most} are allowed.`, { attempt, bytes, most });
  }
}

/** Thrown when sent bytes are not what was announced. */
export class UploadMismatch extends RatchetError {
  readonly code = 'unprocessable';
  constructor(attempt: string, reason: string) {
    super(`What the attempt "${attempt}" sent cannot be kept: ${reason}`, { attempt, reason });
  }
}
