import { FencedOut } from '../domain/errors.js';
import { type BatchReport, type IntakeSource, type LogChunk, LogIntake } from '../ports.js';

interface Stand {
  epoch: number;
  next: number;
}

/** The store's side of a log as the ledger promises it: fenced, and a repeated chunk is recognised. */
export class FakeLogIntake extends LogIntake {
  readonly chunks: LogChunk[] = [];
  /** How often each record was counted, by partition and offset. */
  readonly counted = new Map<string, number>();
  /** The next attempts fail: before anything is written, or after, so that only the answer is lost. */
  readonly failures: ('before' | 'after')[] = [];
  /** Writes wait for this. */
  gate: Promise<void> = Promise.resolve();
  private readonly stands = new Map<string, Stand>();

  override async claim(source: IntakeSource): Promise<{ readonly epoch: number; readonly next: number }> {
    const stand = this.standOf(source);
    stand.epoch += 1;
    return { ...stand };
  }

  override async write(chunk: LogChunk): Promise<BatchReport> {
    await this.gate;
    const failure = this.failures.shift();
    if (failure === 'before') throw new Error('the store does not answer');
    const outcome = this.commit(chunk);
    if (failure === 'after') throw new Error('the answer was lost');
    return { ...NOTHING, outcome, counted: outcome === 'committed' ? chunk.records.length : 0 };
  }

  nextOf(source: IntakeSource): number {
    return this.standOf(source).next;
  }

  private commit(chunk: LogChunk): BatchReport['outcome'] {
    const { source, epoch, from, to, records } = chunk;
    const stand = this.standOf(source);
    if (stand.epoch !== epoch) throw new FencedOut(source.topic, source.partition, epoch, from);
    if (stand.next === to && from !== to) return 'repeated';
    if (stand.next !== from) throw new FencedOut(source.topic, source.partition, epoch, from);
    stand.next = to;
    this.chunks.push(chunk);
    for (const { offset } of records) {
      const key = `${source.topic}/${source.partition}/${offset}`;
      this.counted.set(key, (this.counted.get(key) ?? 0) + 1);
    }
    return 'committed';
  }

  private standOf({ topic, partition }: IntakeSource): Stand {
    const key = `${topic}/${partition}`;
    const stand = this.stands.get(key) ?? { epoch: 0, next: 0 };
    this.stands.set(key, stand);
    return stand;
  }
}

const NOTHING = {
  duplicates: 0,
  sampled: 0,
  labels: { joined: 0, early: 0, repeated: 0, conflicts: 0 },
  dead: {},
} as const;
