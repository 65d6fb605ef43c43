/** What kind of fault an error is; the HTTP edge maps each to a status once. */
export type ErrorCode =
  | 'invalid' // the caller's input is wrong (400)
  | 'unauthenticated' // no or unknown credentials (401)
  | 'forbidden' // known, but not allowed (403)
  | 'not_found' // no such thing (404)
  | 'conflict' // the thing is in a state that does not allow it, or was changed meanwhile (409)
  | 'precondition' // the caller's decision rests on a state that is not so any more (412)
  | 'too_large' // beyond a stated bound (413)
  | 'unprocessable' // well-formed, but refused for a stated reason (422)
  | 'overloaded' // a bounded queue is full; try later (429)
  | 'unavailable' // a part it depends on does not answer (503)
  | 'internal'; // a defect of ours (500)

/** One fault of an input, with the path to the value it is about. */
export interface Fault {
  /** Dotted path from the document's root, e.g. `spec.objectives.maxLoss`. */
  readonly path: string;
  readonly message: string;
}

/** Base of every error that this program throws on purpose. `retryable` says whether the same call may succeed later. */
export abstract class RatchetError extends Error {
  abstract readonly code: ErrorCode;
  readonly retryable: boolean = false;
  /** Machine-readable detail for the problem response and the log. */
  readonly data: Readonly<Record<string, unknown>>;

  constructor(message: string, data: Readonly<Record<string, unknown>> = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.name = new.target.name;
    this.data = data;
  }
}

/** Thrown when an input has one or more faults; it carries all of them. */
export class InvalidInput extends RatchetError {
  readonly code = 'invalid';
  constructor(
    what: string,
    readonly faults: readonly Fault[],
  ) {
    super(`${what} has ${faults.length} fault${faults.length === 1 ? '' : 's'}: ${faults.map(sentence).join('; ')}`, {
      faults,
    });
  }
}

/** Thrown when a named thing does not exist. */
export class NotFound extends RatchetError {
  readonly code = 'not_found';
  constructor(kind: string, id: string) {
    super(`There is no ${kind} "${id}".`, { kind, id });
  }
}

/** Thrown when a save was based on a state that somebody else has changed since. Read again and retry. */
export class RevisionConflict extends RatchetError {
  readonly code = 'conflict';
  override readonly retryable = true;
  constructor(kind: string, id: string) {
    super(`The ${kind} "${id}" was changed by somebody else meanwhile.`, { kind, id });
  }
}

/** Thrown when a thing's phase does not allow what was asked. */
export class PhaseConflict extends RatchetError {
  readonly code = 'conflict';
  constructor(kind: string, id: string, phase: string, verb: string) {
    super(`Cannot ${verb} ${kind} "${id}" while it is ${phase}.`, { kind, id, phase, verb });
  }
}

function sentence(fault: Fault): string {
  return fault.path === '' ? fault.message : `${fault.path}: ${fault.message}`;
}
