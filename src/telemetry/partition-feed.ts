import { setTimeout as delay } from 'node:timers/promises';
import { FencedOut } from './domain/errors.js';
import type { FetchedRecords, IntakeSource, LogChunk, LogFormat, LogIntake, LogMembership } from './ports.js';
import { type Load, RecordQueue } from './record-queue.js';

export interface FeedLimits {
  /** Most records in one transaction. */
  readonly chunkRecords: number;
  /** Most records of one partition that wait in memory; reached, the partition is paused. */
  readonly bufferRecords: number;
  /** Most bytes of all partitions together that wait in memory. */
  readonly bufferBytes: number;
  /** How long a few records wait for more. */
  readonly lingerMs: number;
  /** First and longest wait after a failure. */
  readonly retryMs: readonly [number, number];
  /** How long a partition that somebody else claimed is left alone, should the log still call it ours. */
  readonly reclaimMs: number;
}

/** Hears what happens to one partition. */
export interface FeedObserver {
  placed(source: IntakeSource, next: number): void;
  lag(source: IntakeSource, records: number): void;
  paused(source: IntakeSource, cause: PauseCause): void;
  resumed(source: IntakeSource, cause: PauseCause, ms: number): void;
  fenced(source: IntakeSource, error: FencedOut): void;
  /** The first failure of an outage, and the end of one. */
  failed(source: IntakeSource, error: unknown): void;
  recovered(source: IntakeSource): void;
  /** The log no longer has `from`: it goes on at `to`. */
  reset(source: IntakeSource, cause: 'deleted' | 'made-anew', from: number, to: number): void;
  left(source: IntakeSource): void;
}

export type PauseCause = 'full' | 'store';

export interface FeedParts {
  readonly source: IntakeSource;
  readonly format: LogFormat;
  readonly intake: LogIntake;
  readonly member: LogMembership;
  readonly limits: FeedLimits;
  /** What waits in memory for all partitions together. */
  readonly load: Load;
  /** Something was written: whoever waits for room may look. */
  readonly relieved: () => void;
  readonly observer: FeedObserver;
}

/**
 * One partition while it is ours: claims it, reads from where the store stands, writes chunk after chunk in order. A chunk
 * whose write failed is tried again as it was, so nothing is skipped and nothing counts twice; a partition that somebody
 * else claimed is let go.
 */
export class PartitionFeed {
  private readonly queue: RecordQueue;
  private readonly closing = new AbortController();
  private epoch: number | null = null;
  private next = 0;
  private end = 0;
  /** A batch came from before our place: the log may have been made anew. */
  private astray = false;
  private pause: { readonly cause: PauseCause; readonly since: number } | null = null;
  private wake: () => void = () => undefined;
  private failures = 0;

  constructor(private readonly parts: FeedParts) {
    this.queue = new RecordQueue(parts.load);
  }

  /** Lives until `close`; `after` is the partition's former life, whose last write must end first. Never rejects. */
  async live(after: Promise<void>): Promise<void> {
    await after;
    while (!this.isClosed()) {
      try {
        await this.place();
        await this.follow();
      } catch (error) {
        await this.afterFailure(error);
      }
    }
    this.giveUpQueue();
    this.endPause();
    this.parts.observer.left(this.parts.source);
  }

  /** Stops after the write that is going on. */
  close(): void {
    this.closing.abort();
    this.wake();
  }

  /** Takes records that were fetched; false when they are not what is wanted next. */
  fetched(batch: FetchedRecords): boolean {
    if (this.isClosed() || this.epoch === null || this.astray) return false;
    const { source, limits, load, member } = this.parts;
    const expected = this.queue.to;
    if (batch.from < expected) {
      this.astray = true;
      member.pause(source);
      this.wake();
      return false;
    }
    if (batch.from > expected) void this.explainGap(expected, batch.from);
    this.queue.push(batch);
    this.end = Math.max(this.end, batch.end);
    this.reportLag();
    if (this.queue.records >= limits.bufferRecords || load.bytes >= limits.bufferBytes) this.pauseFor('full');
    this.wake();
    return true;
  }

  /** Fetches again where there is room. */
  resumeIfRoom(): void {
    const { limits, load } = this.parts;
    if (this.pause?.cause !== 'full') return;
    if (this.queue.records <= limits.bufferRecords / 2 && load.bytes <= limits.bufferBytes / 2) this.resume();
  }

  private isClosed(): boolean {
    return this.closing.signal.aborted;
  }

  /** Claims the partition and begins to fetch where the store stands, or where the log begins if that is gone. */
  private async place(): Promise<void> {
    const { source, intake, member, observer } = this.parts;
    this.queue.clear();
    const { epoch, next } = await intake.claim(source);
    if (this.isClosed()) return;
    this.next = next;
    const { start, end } = await member.extent(source);
    // A broker that just came back may say a smaller end than it has: only with a batch from before our place is it believed.
    const cause = next < start ? 'deleted' : this.astray && next > end ? 'made-anew' : null;
    if (cause !== null) {
      observer.reset(source, cause, next, start);
      await intake.write({ ...this.emptyChunk(epoch), from: next, to: start });
      this.next = start;
    }
    if (this.isClosed()) return;
    this.queue.startAt(this.next);
    this.end = end;
    this.astray = false;
    this.epoch = epoch;
    this.endPause();
    member.seek(source, this.next);
    observer.placed(source, this.next);
    this.reportLag();
    this.recover();
  }

  private async follow(): Promise<void> {
    while (!this.isClosed() && this.epoch !== null && !this.astray) {
      if (this.queue.records === 0 && this.queue.to === this.next) await this.somethingToDo();
      else {
        await this.linger();
        if (!this.isClosed()) await this.writeChunk(this.epoch);
      }
    }
    this.epoch = null;
  }

  /** Writes one chunk, trying again until it is written. @throws FencedOut */
  private async writeChunk(epoch: number): Promise<void> {
    const { source, limits, member, relieved } = this.parts;
    const taken = this.queue.take(limits.chunkRecords);
    const chunk: LogChunk = { ...this.emptyChunk(epoch), from: this.next, to: taken.to, records: taken.records };
    try {
      while (!this.isClosed() && !(await this.attempt(chunk)));
    } finally {
      taken.done();
      relieved();
    }
    if (this.next !== chunk.to) return;
    member.note(source, this.next);
    this.reportLag();
  }

  private async attempt(chunk: LogChunk): Promise<boolean> {
    try {
      await this.parts.intake.write(chunk);
      this.next = chunk.to;
      this.recover();
      return true;
    } catch (error) {
      if (error instanceof FencedOut) throw error;
      this.pauseFor('store');
      await this.waitAfter(error);
      return false;
    }
  }

  private async afterFailure(error: unknown): Promise<void> {
    this.epoch = null;
    this.giveUpQueue();
    this.parts.member.pause(this.parts.source);
    if (error instanceof FencedOut) {
      this.parts.observer.fenced(this.parts.source, error);
      await this.wait(this.parts.limits.reclaimMs);
    } else await this.waitAfter(error);
  }

  /** Frees the memory that all partitions share; another one may be waiting for just that. */
  private giveUpQueue(): void {
    this.queue.clear();
    this.parts.relieved();
  }

  /** The log skipped offsets; most often those are its own marks, but records may have been deleted. */
  private async explainGap(from: number, to: number): Promise<void> {
    const { source, member, observer } = this.parts;
    const extent = await member.extent(source).catch(() => null);
    if (extent !== null && extent.start > from) observer.reset(source, 'deleted', from, Math.min(extent.start, to));
  }

  private emptyChunk(epoch: number): LogChunk {
    return { source: this.parts.source, format: this.parts.format, epoch, from: 0, to: 0, records: [] };
  }

  private pauseFor(cause: PauseCause): void {
    if (this.pause !== null) return;
    this.pause = { cause, since: performance.now() };
    this.parts.member.pause(this.parts.source);
    this.parts.observer.paused(this.parts.source, cause);
  }

  private resume(): void {
    if (!this.isClosed() && !this.astray && this.epoch !== null) this.parts.member.resume(this.parts.source);
    this.endPause();
  }

  private endPause(): void {
    if (this.pause === null) return;
    const { cause, since } = this.pause;
    this.pause = null;
    this.parts.observer.resumed(this.parts.source, cause, performance.now() - since);
  }

  private recover(): void {
    if (this.failures > 0) this.parts.observer.recovered(this.parts.source);
    this.failures = 0;
    if (this.pause?.cause === 'store') this.resume();
  }

  private async waitAfter(error: unknown): Promise<void> {
    const [first, longest] = this.parts.limits.retryMs;
    if (this.failures === 0) this.parts.observer.failed(this.parts.source, error);
    this.failures += 1;
    await this.wait(Math.min(longest, first * 2 ** Math.min(20, this.failures - 1)));
  }

  /** Waits for more records while there are few, but not longer than `lingerMs`. */
  private async linger(): Promise<void> {
    const { lingerMs, chunkRecords } = this.parts.limits;
    const until = performance.now() + lingerMs;
    for (;;) {
      const left = until - performance.now();
      if (this.isClosed() || this.astray || this.pause !== null || this.queue.records >= chunkRecords || left <= 0)
        return;
      await Promise.race([this.somethingToDo(), this.wait(left)]);
    }
  }

  private somethingToDo(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private async wait(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.closing.signal }).catch(() => undefined);
  }

  private reportLag(): void {
    this.parts.observer.lag(this.parts.source, Math.max(0, this.end - this.next));
  }
}
