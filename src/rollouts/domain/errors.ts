import { RatchetError } from '../../kernel/index.js';

/** Thrown when a rollout is in the right phase for what was asked, but what its gates see does not allow it. */
export class NotPossibleNow extends RatchetError {
  readonly code = 'conflict';
  constructor(rollout: string, verb: string, objection: string) {
    super(`Cannot ${verb} rollout "${rollout}" now: ${objection}.`, { rollout, verb, objection });
  }
}

/** Thrown when a candidate cannot be tried again. */
export class RetryRefused extends RatchetError {
  readonly code = 'conflict';
  constructor(rollout: string, why: string) {
    super(`Cannot retry rollout "${rollout}": ${why}.`, { rollout, why });
  }
}
