import { RatchetError } from '../../kernel/index.js';

/** Thrown when a candidate that wants to be promoted was never accepted, so that there is no evidence to promote it on. */
export class NoEvidence extends RatchetError {
  readonly code = 'unprocessable';
  constructor(candidate: string) {
    super(`The candidate "${candidate}" has no accepted evaluation, so it cannot be promoted.`, { candidate });
  }
}

/** Thrown when a promotion cannot be taken back, because what it made champion does not serve any more. */
export class NoLongerServes extends RatchetError {
  readonly code = 'conflict';
  constructor(promotion: string, version: string) {
    super(`Cannot roll back promotion "${promotion}": ${version} is not what serves, or never did.`, {
      promotion,
      version,
    });
  }
}
