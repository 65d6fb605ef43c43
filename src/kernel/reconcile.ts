/**
 * Level-triggered reconciliation: a pass gets a key, reads everything it needs afresh, moves the aggregate at most one
 * decision on and says when it wants to run again. It never looks at the event that woke it, so any pass may be repeated.
 */
export interface ReconcileResult {
  /** Run again after so many milliseconds; absent = only when somebody enqueues the key again. */
  readonly requeueAfterMs?: number;
}

export interface Reconciler {
  /** Unique name of the kind, e.g. `rollout`; also the label in metrics and logs. */
  readonly kind: string;
  /** True for what moves traffic or what people wait for: some of the room is kept for it, however much other work is due. */
  readonly urgent?: boolean;
  reconcile(key: string): Promise<ReconcileResult>;
}

/** Durable queue of keys to reconcile. One key is worked on by one process at a time. */
export abstract class WorkQueue {
  /** Registers who works on a kind; call it while the module initialises. A second one for the same kind throws. */
  abstract register(reconciler: Reconciler): void;
  /** Idempotent; joins the current unit of work when there is one. The earlier of two due times wins. */
  abstract enqueue(kind: string, key: string, delayMs?: number): Promise<void>;
  /** The same for many keys, due now, in one statement: an installation with thousands of models must start in seconds. */
  abstract enqueueAll(kind: string, keys: readonly string[]): Promise<void>;
}

/** Base of errors that must not be retried: the pass parks the item and logs once. */
export class TerminalError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TerminalError';
  }
}
