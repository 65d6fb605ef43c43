import type { Clock } from '../kernel/index.js';
import { buildBatch, SampleGate } from './build-batch.js';
import type { ModelView } from './domain/admit.js';
import { RowCounter } from './domain/count-rows.js';
import { AlreadyFurther, BatchRefused } from './domain/errors.js';
import { bad } from './domain/event.js';
import type { ModelShape } from './domain/model-shape.js';
import { ShapeCache } from './domain/shape-cache.js';
import { countBatch, flushSeconds, unpunctualTotal } from './metrics.js';
import type { ModelViews } from './model-views.js';
import {
  type BatchLedger,
  type BatchReport,
  type ForeignDecoder,
  type IntakeBatch,
  type IntakeSource,
  type LogChunk,
  LogIntake,
  type LogRecord,
} from './ports.js';
import { type ChunkPlace, ChunkReader } from './read-chunk.js';
import type { TelemetrySettings } from './settings.js';

/** How long a model's document, and that there is no model of a name, is believed. */
const FRESH_MS = 2000;

/**
 * The way in for logs: one chunk, one transaction. Every record is counted once by its offset, straight from its bytes into
 * its window; only a share of the answers becomes rows (see `AnswerShare`).
 */
export class LedgerLogIntake extends LogIntake {
  private readonly gate: SampleGate;
  private readonly shapes = new ShapeCache();
  private known: ReadonlyMap<string, ModelShape> = new Map();
  private unknown = new Set<string>();
  private lookedAt = Number.NEGATIVE_INFINITY;
  private readonly levels = new Map<string, number>();

  constructor(
    private readonly ledger: BatchLedger,
    private readonly views: ModelViews,
    private readonly foreign: ForeignDecoder | null,
    private readonly clock: Clock,
    private readonly settings: TelemetrySettings,
  ) {
    super();
    this.gate = new SampleGate(settings.samplesPerSecond);
  }

  override claim(source: IntakeSource): Promise<{ readonly epoch: number; readonly next: number }> {
    return this.ledger.claim(source);
  }

  override write(chunk: LogChunk): Promise<BatchReport> {
    return this.attempt(chunk, chunk.records, null);
  }

  private async attempt(
    place: ChunkPlace,
    records: readonly LogRecord[],
    refused: BatchRefused | null,
  ): Promise<BatchReport> {
    const end = flushSeconds.startTimer();
    try {
      const { batch, counter } = await this.build(place, records, refused);
      const report = await this.ledger.commit(batch);
      end({ result: 'ok' });
      this.settle(report, counter);
      return report;
    } catch (error) {
      end({ result: 'failed' });
      if (error instanceof BatchRefused) return this.narrow(place, records, error, refused !== null);
      if (!(error instanceof AlreadyFurther)) throw error;
      const { next } = error;
      return this.attempt(
        { ...place, from: next },
        records.filter(({ offset }) => offset >= next),
        refused,
      );
    }
  }

  private settle(report: BatchReport, { late, future }: RowCounter): void {
    countBatch(report);
    if (report.outcome === 'repeated') return;
    unpunctualTotal.inc({ kind: 'late' }, late);
    unpunctualTotal.inc({ kind: 'future' }, future);
    for (const [model, level] of report.levels ?? []) this.levels.set(model, level);
  }

  private async build(
    place: ChunkPlace,
    records: readonly LogRecord[],
    refused: BatchRefused | null,
  ): Promise<{ batch: IntakeBatch; counter: RowCounter }> {
    const now = this.clock.now();
    if (now.getTime() - this.lookedAt > FRESH_MS) await this.look(now, this.known.keys());
    const counter = new RowCounter({
      now: now.getTime(),
      windowSeconds: this.settings.windowRetentionSeconds,
      levelOf: (model) => this.levels.get(model) ?? 0,
      keepAll: this.settings.logDuplicates === 'all',
    });
    const reader = new ChunkReader(place, counter, (model) => this.known.get(model) ?? null, this.foreign);
    reader.read(refused === null ? records : []);
    await this.learn(reader.missing, now);
    reader.readAgain();
    const entries = refused === null ? reader.entries : records.map((record) => refusal(record, place, refused));
    return { batch: this.batchOf(place, counter, entries, now), counter };
  }

  private batchOf(place: ChunkPlace, counter: RowCounter, entries: ChunkReader['entries'], now: Date): IntakeBatch {
    const models = new Map<string, ModelView>([...this.known].map(([name, { view }]) => [name, view]));
    const rest = buildBatch(entries, place, models, now, this.views.redacting());
    for (const admitted of rest.events) {
      const shape = this.known.get(admitted.event.model);
      if (shape !== undefined) counter.add(admitted, shape);
    }
    const events = counter.kept;
    const named = new Set([
      ...counter.tally.models.keys(),
      ...[...events.map(({ event }) => event), ...rest.labels, ...(rest.served ?? [])].map(({ model }) => model),
      ...rest.halves.map(({ half }) => half.model),
    ]);
    const touched = new Map([...models].filter(([name]) => named.has(name)));
    return {
      ...rest,
      events,
      ...this.gate.choose(events, touched, now),
      models: touched,
      ...(this.settings.logDuplicates === 'all' ? {} : { tally: counter.tally, levels: new Map(this.levels) }),
    };
  }

  /** Looks for models that were not known; a name that nobody knows is not asked for again for a while. */
  private async learn(names: ReadonlySet<string>, now: Date): Promise<void> {
    const missing = [...names].filter((name) => !this.known.has(name) && !this.unknown.has(name));
    if (missing.length === 0) return;
    await this.look(now, [...this.known.keys(), ...missing]);
    for (const name of missing) if (!this.known.has(name)) this.unknown.add(name);
  }

  private async look(now: Date, names: Iterable<string>): Promise<void> {
    const views = await this.views.of(new Set(names));
    this.known = new Map([...views].map(([name, view]) => [name, this.shapes.of(view)]));
    if (now.getTime() - this.lookedAt > FRESH_MS) {
      this.unknown = new Set();
      this.lookedAt = now.getTime();
    }
  }

  /** Halves what the store refuses until the one record at fault is found; that becomes a dead letter. */
  private async narrow(
    place: ChunkPlace,
    records: readonly LogRecord[],
    error: BatchRefused,
    isLetter: boolean,
  ): Promise<BatchReport> {
    if (records.length === 0 || isLetter) throw error;
    if (records.length === 1) return this.attempt(place, records, error);
    const half = Math.ceil(records.length / 2);
    const middle = records[half]?.offset ?? place.to;
    const first = await this.attempt({ ...place, to: middle }, records.slice(0, half), null);
    return sum(first, await this.attempt({ ...place, from: middle }, records.slice(half), null));
  }
}

function refusal(record: LogRecord, { format }: ChunkPlace, error: BatchRefused): ChunkReader['entries'][number] {
  const body = record.value ?? new Uint8Array();
  return {
    decoded: bad('store', error.message.slice(0, 300)),
    body: () => body,
    bytes: body.length,
    offset: record.offset,
    origin: { format, record },
  };
}

function sum(a: BatchReport, b: BatchReport): BatchReport {
  const dead = { ...a.dead };
  for (const [kind, count] of Object.entries(b.dead) as [keyof typeof dead, number][]) {
    dead[kind] = (dead[kind] ?? 0) + count;
  }
  return {
    outcome: a.outcome === 'repeated' ? b.outcome : a.outcome,
    counted: a.counted + b.counted,
    duplicates: a.duplicates + b.duplicates,
    sampled: a.sampled + b.sampled,
    labels: {
      joined: a.labels.joined + b.labels.joined,
      early: a.labels.early + b.labels.early,
      repeated: a.labels.repeated + b.labels.repeated,
      conflicts: a.labels.conflicts + b.labels.conflicts,
      outside: (a.labels.outside ?? 0) + (b.labels.outside ?? 0),
    },
    dead,
  };
}
