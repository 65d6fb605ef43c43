import { RatchetError } from '../../kernel/index.js';

/** Thrown when something of a cluster is used and the settings name none. */
export class ClusterMissing extends RatchetError {
  readonly code = 'invalid';
  constructor(what: string, options?: { cause?: unknown }) {
    super(`There is no Kubernetes cluster to talk to: ${what}`, {}, options);
  }
}

/** Thrown when an object of that name is there already; whether it is ours has to be looked at. */
export class ObjectExists extends RatchetError {
  readonly code = 'conflict';
  constructor(what: string, reason: string) {
    super(`${what}: ${reason}`, { what });
  }
}

/** Thrown when an object is no longer as it was read: its version moved on, or a `test` of a patch failed. Read again. */
export class ObjectChanged extends RatchetError {
  readonly code = 'conflict';
  override readonly retryable = true;
  constructor(what: string, reason: string) {
    super(`${what}: it was changed meanwhile: ${reason}`, { what });
  }
}

/** Thrown when there is no such object, or no such kind of object in this cluster. */
export class ObjectMissing extends RatchetError {
  readonly code = 'not_found';
  constructor(what: string, reason: string) {
    super(`${what}: ${reason}`, { what });
  }
}

/** Thrown when what a watch wants to go on from is too old: list again. */
export class VersionGone extends RatchetError {
  readonly code = 'conflict';
  override readonly retryable = true;
  constructor(what: string) {
    super(`${what}: the version to go on from is gone.`, { what });
  }
}

/** Thrown when the API server knows this client and does not let it, or does not know it. */
export class ClusterForbids extends RatchetError {
  readonly code = 'forbidden';
  constructor(what: string, reason: string) {
    super(`${what}: the cluster does not allow it: ${reason}`, { what, reason });
  }
}

/** Thrown when the API server refuses the object itself: a field, an admission rule. The same again is refused again. */
export class ObjectRefused extends RatchetError {
  readonly code = 'unprocessable';
  constructor(what: string, reason: string) {
    super(`${what}: the cluster refuses it: ${reason}`, { what, reason });
  }
}

/** Thrown when the API server does not answer, or answers that it cannot at the moment. */
export class ClusterUnavailable extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(what: string, reason: string, options?: { cause?: unknown }) {
    super(`${what}: the cluster does not answer: ${reason}`, { what, reason }, options);
  }
}
