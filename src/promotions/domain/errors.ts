import { RatchetError } from '../../kernel/index.js';

/** Thrown when a candidate that wants to be promoted was never accepted, so that there is no evidence to promote it on. */
export class NoEvidence extends RatchetError {
  readonly code = 'unprocessable';
  constructor(candidate: string) {
    super(`The candidate "${candidate}" has no accepted evaluation, so it cannot be promoted.`, { candidate });
  }
}
