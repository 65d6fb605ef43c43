import { RatchetError } from '../../kernel/index.js';

/** Thrown when an evaluation could not be done for reasons that are not the candidate's: the same one may succeed later. */
export class EvaluationUnavailable extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(candidate: string, reason: string, options?: { cause?: unknown }) {
    super(`Candidate "${candidate}" could not be evaluated: ${reason}`, { candidate, reason }, options);
  }
}

/** Thrown when somebody submits a version that cannot be a candidate. */
export class NotACandidate extends RatchetError {
  readonly code = 'unprocessable';
  constructor(digest: string, reason: string) {
    super(`Version ${digest} cannot be a candidate: ${reason}`, { digest, reason });
  }
}
