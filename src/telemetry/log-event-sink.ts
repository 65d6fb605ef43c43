import { setTimeout as delay } from 'node:timers/promises';
import { BodyTooLarge, IntakeOverloaded, IntakeUnavailable } from './domain/errors.js';
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
  /** Largest value; a larger one can never be sent. */
  readonly eventBytes: number;
  /** How long somebody waits for his events to be there. */
  readonly waitMs: number;
  /** First and longest wait after a failure. */
  readonly retryMs: readonly [number, number];
}

export interface SinkObserver {
  waiting(events: number): void;
  sent(events: number, ms: number): void;
  /** A batch did not reach the log, or it takes very long; it is tried again as it is. */
  failed(error: unknown, ms: number): void;
  /** So many were waited for in vain; those that no attempt was made with are dropped. */
  givenUp(events: number): void;
}

/** Somebody who wants to know when all of his events are on the log. */
interface Waiter {
  left: number;
  failed: boolean;
  readonly timer: NodeJS.Timeout;
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
 * Events on their way to the log: a bounded buffer, one batch at a time, each batch tried again as it is until it is there,
 * so that nothing is lost or doubled while the process lives. Somebody who waits is told when it takes too long; what he
 * then sends again is there twice.
 */
export class LogEventSink extends EventSink {
  private queue: Entry[] = [];
  private bytes = 0;
  private closed = false;
  private readonly closing = new AbortController();
  private isDraining = false;
  private running: Promise<void> = Promise.resolve();
  private hasGivenUp = false;

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
    const { eventBytes, waitMs } = this.limits;
    const tooLarge = events.find(({ value }) => value.length > eventBytes);
    if (tooLarge !== undefined) throw new BodyTooLarge(tooLarge.value.length, eventBytes);
    if (!this.hasRoom(events)) throw new IntakeOverloaded(events.length);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => this.fail(waiter, 'the log does not answer'), waitMs);
      const waiter: Waiter = { left: events.length, failed: false, timer, resolve, reject };
      for (const event of events) this.push(event, waiter);
    });
  }

  /** Takes an event for which nobody waits; false when there is no room. Never waits. */
  offer(event: OutgoingEvent): boolean {
    if (this.closed || event.value.length > this.limits.eventBytes || !this.hasRoom([event])) return false;
    this.push(event, null);
    return true;
  }

  /** Sends what waits, for at most `ms`, and takes nothing more. */
  async stop(ms: number): Promise<void> {
    this.closed = true;
    const limit = new AbortController();
    const late = delay(ms, undefined, { signal: limit.signal }).catch(() => undefined);
    await Promise.race([this.running, late]);
    limit.abort();
    this.closing.abort();
    for (const { waiter } of this.queue) this.fail(waiter, 'it is stopping');
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
    if (this.isDraining) return;
    this.isDraining = true;
    this.running = this.drain();
  }

  private async drain(): Promise<void> {
    await this.wait(this.limits.lingerMs);
    while (this.queue.length > 0 && !this.closing.signal.aborted) {
      this.dropGivenUp();
      const batch = this.queue.slice(0, this.countOfNext());
      if (batch.length > 0) await this.deliver(batch);
    }
    // In the same turn as the look at the queue: what is pushed after it begins anew.
    this.isDraining = false;
  }

  /** The batch stays at the front of the queue, and as it is, until it is on the log. */
  private async deliver(batch: readonly Entry[]): Promise<void> {
    const records = batch.map(({ record }) => record);
    const [first, longest] = this.limits.retryMs;
    for (let failures = 0; !this.closing.signal.aborted; failures += 1) {
      const began = performance.now();
      try {
        await this.appender.append(records);
        this.observer.sent(batch.length, performance.now() - began);
        break;
      } catch (error) {
        this.observer.failed(error, performance.now() - began);
        await this.wait(Math.min(longest, first * 2 ** Math.min(20, failures)));
      }
    }
    if (this.closing.signal.aborted) return;
    this.queue.splice(0, batch.length);
    for (const { bytes, waiter } of batch) {
      this.bytes -= bytes;
      this.settle(waiter);
    }
    this.observer.waiting(this.queue.length);
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

  private dropGivenUp(): void {
    if (!this.hasGivenUp) return;
    this.hasGivenUp = false;
    const gone = this.queue.filter(({ waiter }) => waiter?.failed === true);
    for (const { bytes } of gone) this.bytes -= bytes;
    this.queue = this.queue.filter(({ waiter }) => waiter?.failed !== true);
    this.observer.waiting(this.queue.length);
  }

  private settle(waiter: Waiter | null): void {
    if (waiter === null) return;
    waiter.left -= 1;
    if (waiter.left > 0 || waiter.failed) return;
    clearTimeout(waiter.timer);
    waiter.resolve();
  }

  private fail(waiter: Waiter | null, reason: string): void {
    if (waiter === null || waiter.failed) return;
    clearTimeout(waiter.timer);
    waiter.failed = true;
    this.hasGivenUp = true;
    this.observer.givenUp(waiter.left);
    waiter.reject(new IntakeUnavailable(reason));
  }

  private async wait(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.closing.signal }).catch(() => undefined);
  }
}

function weightOf({ key, value }: OutgoingEvent): number {
  return key.length + value.length + RECORD_BYTES;
}
