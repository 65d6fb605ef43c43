import type { AuditEntry } from '../audit.js';
import { AuditLog } from '../audit.js';
import { Clock } from '../clock.js';
import { type Fact, FactBus, type FactType } from '../fact.js';
import { Ids } from '../ids.js';
import { type Reconciler, WorkQueue } from '../reconcile.js';
import type { Boundary } from '../unit-of-work.js';
import { UnitOfWork } from '../unit-of-work.js';

/** A clock that stands until it is told to go on. */
export class FakeClock extends Clock {
  constructor(private time = new Date('2026-01-01T00:00:00.000Z')) {
    super();
  }
  now(): Date {
    return new Date(this.time);
  }
  advance(milliseconds: number): void {
    this.time = new Date(this.time.getTime() + milliseconds);
  }
}

/** `id-1`, `id-2`, … */
export class CountingIds extends Ids {
  private count = 0;
  next(): string {
    this.count += 1;
    return `id-${this.count}`;
  }
}

/** Runs the work; on rejection it only rejects, because fakes have nothing to roll back. */
export class ImmediateUnitOfWork extends UnitOfWork {
  depth = 0;
  async run<T>(_boundary: Boundary, work: () => Promise<T>): Promise<T> {
    this.depth += 1;
    try {
      return await work();
    } finally {
      this.depth -= 1;
    }
  }
}

/** Remembers what was published; `deliver` hands everything undelivered to the subscribers. */
export class RecordingFactBus extends FactBus {
  readonly published: Fact<unknown>[] = [];
  private delivered = 0;
  private readonly handlers: { name: string; handler: (fact: Fact<unknown>) => Promise<void> }[] = [];

  constructor(private readonly unitOfWork?: ImmediateUnitOfWork) {
    super();
  }
  publish<Data>(type: FactType<Data>, data: Data): Promise<void> {
    if (this.unitOfWork?.depth === 0)
      return Promise.reject(new Error(`${type.name} was published outside a unit of work`));
    this.published.push({ id: `fact-${this.published.length + 1}`, name: type.name, data, at: new Date(0) });
    return Promise.resolve();
  }
  subscribe<Data>(type: FactType<Data>, _subscriber: string, handler: (fact: Fact<Data>) => Promise<void>): void {
    this.handlers.push({ name: type.name, handler: handler as (fact: Fact<unknown>) => Promise<void> });
  }
  async deliver(): Promise<void> {
    while (this.delivered < this.published.length) {
      const fact = this.published[this.delivered] as Fact<unknown>;
      this.delivered += 1;
      for (const entry of this.handlers) if (entry.name === fact.name) await entry.handler(fact);
    }
  }
  /** Payloads of every fact of this type so far. */
  of<Data>(type: FactType<Data>): Data[] {
    return this.published.filter((fact) => fact.name === type.name).map((fact) => fact.data as Data);
  }
}

/** Remembers registrations and keys; runs nothing by itself. */
export class RecordingWorkQueue extends WorkQueue {
  readonly reconcilers = new Map<string, Reconciler>();
  readonly enqueued: { kind: string; key: string; delayMs: number }[] = [];
  register(reconciler: Reconciler): void {
    this.reconcilers.set(reconciler.kind, reconciler);
  }
  enqueue(kind: string, key: string, delayMs = 0): Promise<void> {
    this.enqueued.push({ kind, key, delayMs });
    return Promise.resolve();
  }
  async enqueueAll(kind: string, keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.enqueue(kind, key);
  }
}

/** Remembers entries. */
export class RecordingAuditLog extends AuditLog {
  readonly entries: AuditEntry[] = [];
  append(entry: AuditEntry): Promise<void> {
    this.entries.push(entry);
    return Promise.resolve();
  }
}
