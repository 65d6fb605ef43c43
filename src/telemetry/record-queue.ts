import type { FetchedRecords, LogRecord } from './ports.js';

/** Bytes that wait in memory, shared by every queue of the process. */
export interface Load {
  bytes: number;
}

export interface TakenRecords {
  readonly records: readonly LogRecord[];
  /** Offset after them. */
  readonly to: number;
  /** To be called once they are no longer needed: only then do they stop counting as load. */
  readonly done: () => void;
}

/** Records of one partition in their order, between fetching and writing. */
export class RecordQueue {
  private batches: FetchedRecords[] = [];
  /** Offset after the last record that was pushed. */
  to = 0;
  records = 0;

  constructor(private readonly load: Load) {}

  /** Empties it; the next record is the one with this offset. */
  startAt(offset: number): void {
    this.clear();
    this.to = offset;
  }

  push(batch: FetchedRecords): void {
    this.batches.push(batch);
    this.to = batch.to;
    this.records += batch.records.length;
    this.load.bytes += batch.bytes;
  }

  /** Up to `most` records from the front, over the borders of fetches; all of a fetch that held none counts as well. */
  take(most: number): TakenRecords {
    const parts: (readonly LogRecord[])[] = [];
    let room = most;
    let bytes = 0;
    let to = this.to;
    for (let batch = this.batches[0]; batch !== undefined && room > 0; batch = this.batches[0]) {
      const [head, rest] = split(batch, room);
      if (rest === null) this.batches.shift();
      else this.batches[0] = rest;
      parts.push(head.records);
      room -= head.records.length;
      bytes += head.bytes;
      to = head.to;
    }
    const only = parts.length === 1 ? parts[0] : undefined;
    this.records -= most - room;
    let held = true;
    return {
      records: only ?? parts.flat(),
      to,
      done: () => {
        if (held) this.load.bytes -= bytes;
        held = false;
      },
    };
  }

  clear(): void {
    for (const { bytes } of this.batches) this.load.bytes -= bytes;
    this.batches = [];
    this.records = 0;
  }
}

/** The first `count` records and the rest; bytes are shared out evenly. */
function split(batch: FetchedRecords, count: number): readonly [FetchedRecords, FetchedRecords | null] {
  const border = batch.records[count];
  if (border === undefined) return [batch, null];
  const bytes = Math.round((batch.bytes * count) / batch.records.length);
  return [
    { ...batch, to: border.offset, records: batch.records.slice(0, count), bytes },
    { ...batch, from: border.offset, records: batch.records.slice(count), bytes: batch.bytes - bytes },
  ];
}
