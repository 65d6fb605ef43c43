/**
 * A fact is something that has happened in a stage and that stages downstream may want to act on.
 *
 * It is published in the same transaction as the state it tells of (outbox) and delivered at least once, in order per
 * publisher, so a handler must be idempotent; the usual handler only puts a key into the work queue.
 */
export interface FactType<Data> {
  readonly name: string;
  /** Phantom: carries the payload's type, never a value. */
  readonly data?: Data;
}

/** Declares a fact; `name` is `<stage>.<what happened>`. The payload must survive JSON. */
export function factType<Data>(name: string): FactType<Data> {
  return { name };
}

export interface Fact<Data> {
  readonly id: string;
  readonly name: string;
  readonly data: Data;
  readonly at: Date;
}

/** Publishes into the current unit of work and delivers to subscribers after it committed. */
export abstract class FactBus {
  /** Must be called inside a `UnitOfWork.run`; throws otherwise, because a fact without its state is a lie. */
  abstract publish<Data>(type: FactType<Data>, data: Data): Promise<void>;
  /** `subscriber` names the handler in logs; call it while the module initialises. */
  abstract subscribe<Data>(
    type: FactType<Data>,
    subscriber: string,
    handler: (fact: Fact<Data>) => Promise<void>,
  ): void;
}
