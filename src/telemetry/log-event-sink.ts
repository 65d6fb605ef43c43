import { setTimeout as delay } from 'node:timers/promises';
import { IntakeOverloaded, IntakeUnavailable } from './domain/errors.js';
import { EventSink, type OutgoingEvent, type OutgoingRecord, type RecordAppender } from './ports.js';

export interface SinkLimits {
  /** Most events and bytes sent at once. */
  readonly batchEvents: number;
  readonly batchBytes: number;
  /** Most events and bytes that wait in memory. */
  readonly bufferEvents: number;
  readonly bufferBytes: number;
  /** How long an event waits for others. */
  readonly lingerMs: number;
  /** First and longest wait after a failure. */
  readonly retryMs: readonly [number, number];
}

export interface SinkObserver {
  waiting(events: number): void;
  sent(events: number, ms: number): void;
  /** So many are given up, because whoever sent them was told so; the others are tried again. */
  failed(error: unknown, givenUp: number, ms: number): void;
}

/** Somebody who wants to know when all of his events are on the log. */
interface Waiter {
  left: number;
  failed: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Entry {
  readonly record: OutgoingRecord;
  readonly bytes: number;
  /** null: nobody waits, so it is tried again until it is there. */
  readonly waiter: Waiter | null;
}

/** What one record weighs beside its key and value. */
const RECORD_BYTES = 200;

/**
 * Events on their way to the log: a bounded buffer, one batch at a time. What somebody waits for fails when the log does
 * not answer, so that he can try again; what nobody waits for is kept and tried again as long as there is room.
 */
export class LogEventSink extends EventSink {
  private queue: Entry[] = [];
  private bytes = 0;
  private closed = false;
  private readonly closing = new AbortController();
  private running: Promise<void> | null = null;
  private failures = 0;

  constructor(
    private readonly appender: RecordAppender,
    /** Where a native label and everything else go. */
    private readonly topicOf: (event: OutgoingEvent) => string,
    private readonly limits: SinkLimits,
    private readonly observer: SinkObserver,
  ) {
    super();
  }

  override async send(events: readonly OutgoingEvent[]): Promise<void> {
    if (this.closed) throw new IntakeUnavailable('it is stopping');
    if (events.length === 0) return;
    if (!this.hasRoom(events)) throw new IntakeOverloaded(events.length);
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = { left: events.length, failed: false, resolve, reject };
      for (const event of events) this.push(event, waiter);
    });
  }

  /** Takes an event for which nobody waits; false when there is no room. Never waits. */
  offer(event: OutgoingEvent): boolean {
    if (this.closed || !this.hasRoom([event])) return false;
    this.push(event, null);
    return true;
  }

  /** Sends what waits, for at most `ms`, and takes nothing more. */
  async stop(ms: number): Promise<void> {
    this.closed = true;
    const limit = new AbortController();
    const late = delay(ms, undefined, { signal: limit.signal }).catch(() => undefined);
    await Promise.race([this.running ?? Promise.resolve(), late]);
    limit.abort();
    this.closing.abort();
    for (const { waiter } of this.queue) this.fail(waiter, new IntakeUnavailable('it is stopping'));
    await this.appender.close();
  }

  private hasRoom(events: readonly OutgoingEvent[]): boolean {
    const { bufferEvents, bufferBytes } = this.limits;
    const bytes = events.reduce((sum, event) => sum + weightOf(event), 0);
    return this.queue.length + events.length <= bufferEvents && this.bytes + bytes <= bufferBytes;
  }

  private push(event: OutgoingEvent, waiter: Waiter | null): void {
    const { key, value, headers } = event;
    const bytes = weightOf(event);
    this.queue.push({ record: { topic: this.topicOf(event), key, value, headers }, bytes, waiter });
    this.bytes += bytes;
    this.observer.waiting(this.queue.length);
    this.running ??= this.drain().finally(() => {
      this.running = null;
    });
  }

  private async drain(): Promise<void> {
    await this.wait(this.limits.lingerMs);
    while (this.queue.length > 0 && !this.closing.signal.aborted) {
      if (await this.sendBatch()) this.failures = 0;
      else await this.backOff();
    }
  }

  private async sendBatch(): Promise<boolean> {
    const count = this.countOfNext();
    const batch = this.queue.slice(0, count);
    const began = performance.now();
    try {
      await this.appender.append(batch.map(({ record }) => record));
      this.drop(new Set(batch));
      for (const { waiter } of batch) this.settle(waiter);
      this.observer.sent(batch.length, performance.now() - began);
      return true;
    } catch (error) {
      const unavailable =
        error instanceof IntakeUnavailable ? error : new IntakeUnavailable('the log does not answer', { cause: error });
      for (const { waiter } of batch) this.fail(waiter, unavailable);
      // All that belongs to a call that failed: who sent it sends it again.
      const givenUp = this.queue.filter(({ waiter }) => waiter?.failed === true);
      this.drop(new Set(givenUp));
      this.observer.failed(error, givenUp.length, performance.now() - began);
      return false;
    }
  }

  private countOfNext(): number {
    const { batchEvents, batchBytes } = this.limits;
    let bytes = 0;
    let count = 0;
    for (const entry of this.queue) {
      if (count === batchEvents || (count > 0 && bytes + entry.bytes > batchBytes)) break;
      bytes += entry.bytes;
      count += 1;
    }
    return count;
  }

  private drop(gone: ReadonlySet<Entry>): void {
    for (const { bytes } of gone) this.bytes -= bytes;
    this.queue = this.queue.filter((entry) => !gone.has(entry));
    this.observer.waiting(this.queue.length);
  }

  private settle(waiter: Waiter | null): void {
    if (waiter === null) return;
    waiter.left -= 1;
    if (waiter.left === 0) waiter.resolve();
  }

  private fail(waiter: Waiter | null, error: Error): void {
    if (waiter === null || waiter.failed) return;
    waiter.failed = true;
    waiter.reject(error);
  }

  private async backOff(): Promise<void> {
    const [first, longest] = this.limits.retryMs;
    await this.wait(Math.min(longest, first * 2 ** Math.min(20, this.failures)));
    this.failures += 1;
  }

  private async wait(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.closing.signal }).catch(() => undefined);
  }
}

function weightOf({ key, value }: OutgoingEvent): number {
  return key.length + value.length + RECORD_BYTES;
}
