import { setTimeout as delay } from 'node:timers/promises';
import { BodyTooLarge, IntakeOverloaded, IntakeUnavailable, TooLargeForLog } from './domain/errors.js';
import { EventSink, type OutgoingEvent, type OutgoingRecord, type RecordAppender } from './ports.js';
import { recordBytes } from './record-bytes.js';

export interface SinkLimits {
  /** Most events and bytes sent at once. */
  readonly batchEvents: number;
  readonly batchBytes: number;
  /** Most events and bytes that wait in memory. */
  readonly bufferEvents: number;
  readonly bufferBytes: number;
  /** How long an event waits for others. */
  readonly lingerMs: number;
  /** Largest event with its key and headers; a larger one can never be sent. */
  readonly eventBytes: number;
  /** How long somebody waits for his events to be there. */
  readonly waitMs: number;
  /** First and longest wait after a failure. */
  readonly retryMs: readonly [number, number];
}

export interface SinkObserver {
  waiting(events: number): void;
  sent(events: number, ms: number): void;
  /** A batch did not reach the log, or it takes very long; it is tried again, as it is or, if too large, in halves. */
  failed(error: unknown, ms: number): void;
  /** So many were waited for in vain; those that no attempt was made with are dropped. */
  givenUp(events: number): void;
  /** The log does not take one event for its size; shed when nobody waits for it. */
  refused(error: TooLargeForLog, isShed: boolean): void;
}

/** Somebody who wants to know when all of his events are on the log. */
interface Waiter {
  left: number;
  failed: boolean;
  /** Why one of them can never be there. */
  refusal: TooLargeForLog | null;
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

/** What one record weighs beside its key, value and headers. */
const RECORD_BYTES = 200;

/**
 * Events on their way to the log: a bounded buffer, one batch at a time, each batch tried again as it is until it is there,
 * so that nothing is lost while the process lives. A batch that the log refuses for its size is halved until the one event
 * that is too large is found; only that one is left out. Once on the log, with two exceptions: what the appender gave up on,
 * or was refused a part of, may be there in part and is appended again; and somebody who waits is told when it takes too
 * long, and what he then sends again is there twice.
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
    const largest = events.reduce((most, event) => Math.max(most, weightOf(event)), 0);
    if (largest > eventBytes) throw new BodyTooLarge(largest, eventBytes);
    if (!this.hasRoom(events)) throw new IntakeOverloaded(events.length);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => this.fail(waiter, 'the log does not answer'), waitMs);
      const waiter: Waiter = { left: events.length, failed: false, refusal: null, timer, resolve, reject };
      for (const event of events) this.push(event, waiter);
    });
  }

  /** Takes an event for which nobody waits; false when there is no room. Never waits. */
  offer(event: OutgoingEvent): boolean {
    if (this.closed || weightOf(event) > this.limits.eventBytes || !this.hasRoom([event])) return false;
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

  /** The batch stays at the front of the queue, and as it is, until it is on the log or refused for its size. */
  private async deliver(batch: readonly Entry[]): Promise<void> {
    const records = batch.map(({ record }) => record);
    const [first, longest] = this.limits.retryMs;
    for (let failures = 0; !this.closing.signal.aborted; failures += 1) {
      const began = performance.now();
      try {
        await this.appender.append(records);
        this.observer.sent(batch.length, performance.now() - began);
        this.remove(batch);
        return;
      } catch (error) {
        this.observer.failed(error, performance.now() - began);
        if (error instanceof TooLargeForLog) return this.deliverLess(batch, error);
        await this.wait(Math.min(longest, first * 2 ** Math.min(20, failures)));
      }
    }
  }

  /** Halves, in order, until one event is alone: that one can never be there, and the rest goes on. */
  private async deliverLess(batch: readonly Entry[], error: TooLargeForLog): Promise<void> {
    const half = Math.ceil(batch.length / 2);
    if (half < batch.length) {
      await this.deliver(batch.slice(0, half));
      await this.deliver(batch.slice(half));
      return;
    }
    for (const { waiter } of batch) {
      if (waiter !== null) waiter.refusal ??= error;
      this.observer.refused(error, waiter === null);
    }
    this.remove(batch);
  }

  /** The front of the queue is done with. */
  private remove(batch: readonly Entry[]): void {
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
    if (waiter.refusal === null) waiter.resolve();
    else waiter.reject(waiter.refusal);
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

function weightOf(event: OutgoingEvent): number {
  return recordBytes(event) + RECORD_BYTES;
}
