import type { Clock } from '../kernel/index.js';
import { type Answer, AnswerSink } from '../serving/index.js';
import { buildBatch, modelsOf, SampleGate } from './build-batch.js';
import { answerEvent } from './domain/answer-event.js';
import { BatchRefused, FencedOut, IntakeOverloaded, IntakeUnavailable } from './domain/errors.js';
import { bad } from './domain/event.js';
import { answerEntry, type IntakeEntry } from './intake-entry.js';
import { bufferedEntries, countBatch, flushSeconds, shedTotal, unpunctualTotal } from './metrics.js';
import type { ModelViews } from './model-views.js';
import type { BatchLedger, IntakeBatch, IntakeSource } from './ports.js';
import type { TelemetrySettings } from './settings.js';

const RETRY_MAX_MS = 5000;

/** Hears what an operator should know of. */
export interface IntakeObserver {
  /** An answer met a defect of ours and was shed. */
  defect(error: unknown): void;
  /** The first failure of an outage. */
  failed(error: unknown, entries: number): void;
  /** Another process claimed the same source; this one stands down. */
  replaced(error: unknown, source: IntakeSource): void;
}

/** Somebody who waits for the entries `[from, until)`, counted since this process started. */
interface Waiter {
  readonly from: number;
  readonly until: number;
  refused: number;
  readonly resolve: (refused: number) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The way in for what this process takes itself. Entries wait in a bounded buffer and are written in batches, one at a
 * time. A batch whose commit failed or whose answer was lost is tried again under the same offsets, so it can neither
 * get lost while the process lives nor count twice; what a killed process had not written yet is lost.
 */
export class TelemetryIntake extends AnswerSink {
  private readonly source: IntakeSource;
  private readonly gate: SampleGate;
  private queue: IntakeEntry[] = [];
  private queuedBytes = 0;
  private current: { entries: IntakeEntry[]; batch: IntakeBatch | null } | null = null;
  private claim: { readonly epoch: number; next: number } | null = null;
  private closed: string | null = null;
  private running: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;
  private taken = 0;
  private settled = 0;
  private waiters: Waiter[] = [];
  private failures = 0;
  private retryAt = 0;

  constructor(
    private readonly ledger: BatchLedger,
    private readonly views: ModelViews,
    private readonly clock: Clock,
    private readonly settings: TelemetrySettings,
    private readonly observer: IntakeObserver,
  ) {
    super();
    this.source = { topic: 'in-process', partition: settings.partition };
    this.gate = new SampleGate(settings.samplesPerSecond);
  }

  /** Never throws and never waits; without room the answer is shed and counted. */
  override accept(answer: Answer): void {
    try {
      const entry = answerEntry(answer, answerEvent(answer));
      if (this.closed !== null) shedTotal.inc({ cause: 'closed' });
      else if (!this.hasRoom(1, entry.bytes)) shedTotal.inc({ cause: 'full' });
      else this.push(entry);
    } catch (error) {
      shedTotal.inc({ cause: 'defect' });
      this.observer.defect(error);
    }
  }

  /** Resolves when all entries are durable, with how many of them became dead letters. @throws IntakeOverloaded @throws IntakeUnavailable */
  async submit(entries: readonly IntakeEntry[]): Promise<number> {
    if (this.closed !== null) throw new IntakeUnavailable(this.closed);
    const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    if (!this.hasRoom(entries.length, bytes)) throw new IntakeOverloaded(entries.length);
    if (entries.length === 0) return 0;
    const from = this.taken;
    for (const entry of entries) this.push(entry);
    const until = this.taken;
    // Somebody waits: what comes meanwhile still shares the next batch, because only one is written at a time.
    if (this.timer !== null) setImmediate(() => void this.tick());
    return new Promise((resolve, reject) => this.waiters.push({ from, until, refused: 0, resolve, reject }));
  }

  /** Begins to write in the background. */
  start(): void {
    this.timer ??= setInterval(() => void this.tick(), this.settings.flushMs);
    this.timer.unref();
  }

  /** Writes what there is, once, and takes nothing more. */
  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    await this.flush();
    if (this.closed === null) this.close('it is stopping');
  }

  /** Writes everything that waits; returns early when the store fails. */
  flush(): Promise<void> {
    this.running ??= this.drain().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private tick(): Promise<void> {
    return this.clock.now().getTime() < this.retryAt ? Promise.resolve() : this.flush();
  }

  private hasRoom(entries: number, bytes: number): boolean {
    const { bufferEntries, bufferBytes } = this.settings;
    return this.queue.length + entries <= bufferEntries && this.queuedBytes + bytes <= bufferBytes;
  }

  private push(entry: IntakeEntry): void {
    this.queue.push(entry);
    this.queuedBytes += entry.bytes;
    this.taken += 1;
    bufferedEntries.set(this.queue.length);
    if (this.queue.length === this.settings.batchEntries && this.timer !== null) setImmediate(() => void this.tick());
  }

  private async drain(): Promise<void> {
    while (this.closed === null && (this.current !== null || this.queue.length > 0)) {
      this.current ??= { entries: this.take(), batch: null };
      if (!(await this.attempt(this.current))) return;
    }
  }

  private take(): IntakeEntry[] {
    const entries = this.queue.splice(0, this.settings.batchEntries);
    this.queuedBytes -= entries.reduce((sum, entry) => sum + entry.bytes, 0);
    bufferedEntries.set(this.queue.length);
    return entries;
  }

  private async attempt(current: { entries: IntakeEntry[]; batch: IntakeBatch | null }): Promise<boolean> {
    const end = flushSeconds.startTimer();
    try {
      this.claim ??= await this.ledger.claim(this.source);
      current.batch ??= await this.build(current.entries, this.claim);
      const report = await this.ledger.commit(current.batch);
      end({ result: 'ok' });
      countBatch(report);
      countUnpunctual(current.batch);
      this.settle(current.batch);
      return true;
    } catch (error) {
      end({ result: 'failed' });
      return this.afterFailure(error, current.entries);
    }
  }

  private async build(entries: readonly IntakeEntry[], claim: { epoch: number; next: number }): Promise<IntakeBatch> {
    const models = await this.views.of(modelsOf(entries));
    const place = { source: this.source, epoch: claim.epoch, from: claim.next };
    const batch = buildBatch(entries, place, models, this.clock.now(), this.views.redacting());
    return { ...batch, ...this.gate.choose(batch.events, models, batch.at) };
  }

  private settle(batch: IntakeBatch): void {
    if (this.claim !== null) this.claim.next = batch.to;
    for (const waiter of this.waiters) waiter.refused += this.refusedOf(waiter, batch);
    this.settled += batch.to - batch.from;
    this.current = null;
    this.failures = 0;
    this.retryAt = 0;
    const done = this.waiters.filter(({ until }) => until <= this.settled);
    this.waiters = this.waiters.filter(({ until }) => until > this.settled);
    for (const { resolve, refused } of done) resolve(refused);
  }

  /** How many of the waiter's entries this batch refused; labels that contradict earlier ones have no offset of their own. */
  private refusedOf({ from, until }: Waiter, batch: IntakeBatch): number {
    const places = batch.dead.map(({ offset }) => (offset ?? Number.NaN) - batch.from + this.settled);
    return places.filter((place) => place >= from && place < until).length;
  }

  /** True when it makes sense to go on at once. */
  private afterFailure(error: unknown, entries: IntakeEntry[]): boolean {
    if (error instanceof FencedOut) {
      this.observer.replaced(error, this.source);
      this.close('another process has taken its place');
      return false;
    }
    if (error instanceof BatchRefused) {
      this.narrow(entries, error);
      return true;
    }
    this.failures += 1;
    this.retryAt = this.clock.now().getTime() + Math.min(RETRY_MAX_MS, 125 * 2 ** this.failures);
    if (this.failures === 1) this.observer.failed(error, entries.length);
    this.rejectWaiters('the store does not answer; what was sent is written when it does');
    return false;
  }

  /** Halves a batch that the store refuses until the one entry at fault is found; that becomes a dead letter. */
  private narrow(entries: IntakeEntry[], error: BatchRefused): void {
    const [only, ...more] = entries;
    if (only !== undefined && more.length === 0) {
      this.current = { entries: [{ ...only, decoded: bad('store', error.message.slice(0, 300)) }], batch: null };
      return;
    }
    const half = Math.ceil(entries.length / 2);
    const rest = entries.slice(half);
    this.current = { entries: entries.slice(0, half), batch: null };
    this.queue = [...rest, ...this.queue];
    this.queuedBytes += rest.reduce((sum, entry) => sum + entry.bytes, 0);
  }

  private close(reason: string): void {
    this.closed = reason;
    shedTotal.inc({ cause: 'closed' }, this.queue.length + (this.current?.entries.length ?? 0));
    this.queue = [];
    this.queuedBytes = 0;
    this.current = null;
    bufferedEntries.set(0);
    this.rejectWaiters(reason);
  }

  private rejectWaiters(reason: string): void {
    for (const { reject } of this.waiters) reject(new IntakeUnavailable(reason));
    this.waiters = [];
  }
}

function countUnpunctual({ events }: IntakeBatch): void {
  unpunctualTotal.inc({ kind: 'late' }, events.filter(({ late }) => late).length);
  unpunctualTotal.inc({ kind: 'future' }, events.filter(({ future }) => future).length);
}
