import { decodeEvent } from './domain/decode-event.js';
import { AlreadyFurther, BatchRefused } from './domain/errors.js';
import { bad, type Decoded, type TelemetryEvent } from './domain/event.js';
import { buildBatch, modelsOf, SampleGate } from './build-batch.js';
import type { IntakeEntry } from './intake-entry.js';
import { countBatch, flushSeconds, unpunctualTotal } from './metrics.js';
import type { ModelViews } from './model-views.js';
import {
  type BatchLedger,
  type BatchReport,
  type ForeignDecoder,
  type IntakeBatch,
  type IntakeSource,
  type LogChunk,
  type LogFormat,
  LogIntake,
  type LogRecord,
} from './ports.js';
import type { Clock } from '../kernel/index.js';
import type { TelemetrySettings } from './settings.js';

const NO_BYTES = new Uint8Array();

/** The way in for logs, over the same ledger as everything else: one chunk, one transaction. */
export class LedgerLogIntake extends LogIntake {
  private readonly gate: SampleGate;

  constructor(
    private readonly ledger: BatchLedger,
    private readonly views: ModelViews,
    private readonly foreign: ForeignDecoder | null,
    private readonly clock: Clock,
    settings: TelemetrySettings,
  ) {
    super();
    this.gate = new SampleGate(settings.samplesPerSecond);
  }

  override claim(source: IntakeSource): Promise<{ readonly epoch: number; readonly next: number }> {
    return this.ledger.claim(source);
  }

  override write(chunk: LogChunk): Promise<BatchReport> {
    return this.writeEntries(
      chunk,
      chunk.records.map((record) => this.entryOf(record, chunk)),
    );
  }

  private async writeEntries(chunk: Omit<LogChunk, 'records'>, entries: readonly IntakeEntry[]): Promise<BatchReport> {
    const end = flushSeconds.startTimer();
    try {
      const batch = await this.build(chunk, entries);
      const report = await this.ledger.commit(batch);
      end({ result: 'ok' });
      countBatch(report);
      unpunctualTotal.inc({ kind: 'late' }, batch.events.filter(({ late }) => late).length);
      unpunctualTotal.inc({ kind: 'future' }, batch.events.filter(({ future }) => future).length);
      return report;
    } catch (error) {
      end({ result: 'failed' });
      if (error instanceof BatchRefused) return this.narrow(chunk, entries, error);
      if (!(error instanceof AlreadyFurther)) throw error;
      const { next } = error;
      return this.writeEntries(
        { ...chunk, from: next },
        entries.filter(({ offset = 0 }) => offset >= next),
      );
    }
  }

  private entryOf(record: LogRecord, { format, source }: LogChunk): IntakeEntry {
    const { value, offset } = record;
    const decoded = decode(record, format, source.topic, this.foreign);
    return { decoded, body: () => value ?? NO_BYTES, bytes: value?.length ?? 0, offset, origin: { format, record } };
  }

  private async build(chunk: Omit<LogChunk, 'records'>, entries: readonly IntakeEntry[]): Promise<IntakeBatch> {
    const models = await this.views.of(modelsOf(entries));
    const batch = buildBatch(entries, chunk, models, this.clock.now());
    return { ...batch, samples: this.gate.choose(batch.events, models, batch.at) };
  }

  /** Halves what the store refuses until the one record at fault is found; that becomes a dead letter. */
  private async narrow(
    chunk: Omit<LogChunk, 'records'>,
    entries: readonly IntakeEntry[],
    error: BatchRefused,
  ): Promise<BatchReport> {
    const [only, ...more] = entries;
    if (only === undefined) throw error;
    if (more.length === 0) {
      if ('bad' in only.decoded && only.decoded.bad.class === 'store') throw error;
      return this.writeEntries(chunk, [{ ...only, decoded: bad('store', error.message.slice(0, 300)) }]);
    }
    const half = Math.ceil(entries.length / 2);
    const middle = entries[half]?.offset ?? chunk.to;
    const first = await this.writeEntries({ ...chunk, to: middle }, entries.slice(0, half));
    return sum(first, await this.writeEntries({ ...chunk, from: middle }, entries.slice(half)));
  }
}

function decode(
  record: LogRecord,
  format: LogFormat,
  topic: string,
  foreign: ForeignDecoder | null,
): Decoded<TelemetryEvent> {
  if (record.value === null) return bad('schema', 'is a tombstone; nothing can be taken back');
  if (format === 'native') return decodeEvent(record.value);
  return foreign === null ? bad('schema', `format ${format} is not read here`) : foreign.decode(record, format, topic);
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
    },
    dead,
  };
}
