import { parseJson, readEvent } from './domain/decode-event.js';
import { decodeLabel, decodeServed } from './domain/protobuf/decode-fact.js';
import { readInference } from './domain/protobuf/decode-inference.js';
import { INFERENCE, isProtobuf, LABEL, RecordFrame, singleOf } from './domain/protobuf/decode-record.js';
import type { RowCounter } from './domain/count-rows.js';
import { bad, type Decoded, type TelemetryEvent } from './domain/event.js';
import { EventRow } from './domain/event-row.js';
import type { ModelShape } from './domain/model-shape.js';
import type { IntakeEntry } from './intake-entry.js';
import type { ForeignDecoder, LogChunk, LogRecord } from './ports.js';

const NO_BYTES = new Uint8Array();
const row = new EventRow();
const frame = new RecordFrame();

/** A record, or one event of it, that waits for its model. */
interface Delayed {
  readonly record: LogRecord;
  /** Which event of a Protobuf record; -1 for JSON. */
  readonly part: number;
}

/** Where records of a chunk come from. */
export type ChunkPlace = Omit<LogChunk, 'records'>;

/**
 * Reads the records of one chunk. Native inference events, which are nearly everything, are counted as they are read;
 * whatever else there is becomes an entry.
 */
export class ChunkReader {
  /** Labels, served counts, halves, foreign events and everything that is refused. */
  readonly entries: IntakeEntry[] = [];
  /** Models that records named and nobody knows yet. */
  readonly missing = new Set<string>();
  private later: Delayed[] = [];
  private isLast = false;

  constructor(
    private readonly place: ChunkPlace,
    private readonly counter: RowCounter,
    private readonly shapeOf: (model: string) => ModelShape | null,
    private readonly foreign: ForeignDecoder | null,
  ) {}

  read(records: readonly LogRecord[]): void {
    for (const record of records) this.readRecord(record);
  }

  /** Reads what was put off because its model was not known; what is still not known is refused. */
  readAgain(): void {
    const delayed = this.later;
    this.later = [];
    this.isLast = true;
    for (const { record, part } of delayed) {
      if (part < 0) this.readRecord(record);
      else if (record.value !== null && frame.read(record.value) === null) this.readPart(record, part);
    }
  }

  private readRecord(record: LogRecord): void {
    const { value } = record;
    if (value === null) this.keep(record, bad('schema', 'is a tombstone; nothing can be taken back'));
    else if (this.place.format !== 'native') this.keep(record, this.decodeForeign(record));
    else if (isProtobuf(value, record.headers['content-type'])) this.readProtobuf(record, value);
    else this.readJson(record, value);
  }

  private readJson(record: LogRecord, value: Uint8Array): void {
    const parsed = parseJson(value);
    const other = 'bad' in parsed ? parsed : readEvent(parsed.ok, row);
    if (other !== null) this.keep(record, other);
    else this.countRow(record, -1);
  }

  private readProtobuf(record: LogRecord, value: Uint8Array): void {
    const reason = frame.read(value);
    if (reason !== null) {
      this.keep(record, { bad: reason });
      return;
    }
    for (let part = 0; part < frame.count; part += 1) this.readPart(record, part);
  }

  private readPart(record: LogRecord, part: number): void {
    const kind = frame.kinds[part];
    if (kind !== INFERENCE) {
      this.keep(record, kind === LABEL ? decodeLabel(frame, part) : decodeServed(frame, part), undefined, part);
      return;
    }
    const reason = readInference(frame, part, row);
    if (reason === null) this.countRow(record, part);
    else this.keep(record, { bad: reason }, undefined, part);
  }

  private countRow(record: LogRecord, part: number): void {
    const shape = this.shapeOf(row.model);
    if (shape !== null) {
      const reason = this.counter.count(row, shape);
      if (reason !== null) this.keep(record, { bad: reason }, row.model, part);
    } else if (this.isLast) this.keep(record, bad('unknown-model', 'there is no such model'), row.model, part);
    else {
      this.missing.add(row.model);
      this.later.push({ record, part });
    }
  }

  private decodeForeign(record: LogRecord): Decoded<TelemetryEvent> {
    const { format, source, readAs } = this.place;
    if (format === 'native') return bad('schema', 'is native');
    if (this.foreign === null) return bad('schema', `format ${format} is not read here`);
    return this.foreign.decode(record, format, readAs ?? source.topic);
  }

  /** Keeps what is no row; a part of a record is kept as a record of its own, which can be fed in again. */
  private keep(record: LogRecord, decoded: Decoded<TelemetryEvent>, model?: string, part = -1): void {
    const { value, offset } = record;
    const { format, readAs } = this.place;
    const whole = value ?? NO_BYTES;
    this.entries.push({
      decoded,
      body: () => (part < 0 ? whole : singleOf(whole, part)),
      bytes: whole.length,
      offset,
      origin: { format, record, ...(readAs === undefined ? {} : { readAs }) },
      ...(model === undefined ? {} : { model }),
    });
    if ('ok' in decoded) this.missing.add(decoded.ok.model);
  }
}
