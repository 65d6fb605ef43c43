import { parseJson, readEvent } from './domain/decode-event.js';
import type { RowCounter } from './domain/count-rows.js';
import { bad, type Decoded, type TelemetryEvent } from './domain/event.js';
import { EventRow } from './domain/event-row.js';
import type { ModelShape } from './domain/model-shape.js';
import type { IntakeEntry } from './intake-entry.js';
import type { ForeignDecoder, LogChunk, LogRecord } from './ports.js';

const NO_BYTES = new Uint8Array();
const row = new EventRow();

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
  private later: LogRecord[] = [];

  constructor(
    private readonly place: ChunkPlace,
    private readonly counter: RowCounter,
    private readonly shapeOf: (model: string) => ModelShape | null,
    private readonly foreign: ForeignDecoder | null,
  ) {}

  read(records: readonly LogRecord[]): void {
    for (const record of records) this.readOne(record, false);
  }

  /** Reads what was put off because its model was not known; what is still not known is refused. */
  readAgain(): void {
    const records = this.later;
    this.later = [];
    for (const record of records) this.readOne(record, true);
  }

  private readOne(record: LogRecord, isLast: boolean): void {
    const { value } = record;
    if (value === null) {
      this.keep(record, bad('schema', 'is a tombstone; nothing can be taken back'));
      return;
    }
    if (this.place.format !== 'native') {
      this.keep(record, this.decodeForeign(record));
      return;
    }
    const parsed = parseJson(value);
    const other = 'bad' in parsed ? parsed : readEvent(parsed.ok, row);
    if (other !== null) this.keep(record, other);
    else this.countRow(record, isLast);
  }

  private countRow(record: LogRecord, isLast: boolean): void {
    const shape = this.shapeOf(row.model);
    if (shape === null) {
      if (isLast) this.keep(record, bad('unknown-model', 'there is no such model'), row.model);
      else {
        this.missing.add(row.model);
        this.later.push(record);
      }
      return;
    }
    const reason = this.counter.count(row, shape);
    if (reason !== null) this.keep(record, { bad: reason }, row.model);
  }

  private decodeForeign(record: LogRecord): Decoded<TelemetryEvent> {
    const { format, source, readAs } = this.place;
    if (format === 'native') return bad('schema', 'is native');
    if (this.foreign === null) return bad('schema', `format ${format} is not read here`);
    return this.foreign.decode(record, format, readAs ?? source.topic);
  }

  private keep(record: LogRecord, decoded: Decoded<TelemetryEvent>, model?: string): void {
    const { value, offset } = record;
    const { format, readAs } = this.place;
    this.entries.push({
      decoded,
      body: () => value ?? NO_BYTES,
      bytes: value?.length ?? 0,
      offset,
      origin: { format, record, ...(readAs === undefined ? {} : { readAs }) },
      ...(model === undefined ? {} : { model }),
    });
    if ('ok' in decoded) this.missing.add(decoded.ok.model);
  }
}
