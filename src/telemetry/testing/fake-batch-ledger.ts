import { FencedOut } from '../domain/errors.js';
import { BatchLedger, type BatchReport, type IntakeBatch } from '../ports.js';

/** A ledger in memory with the same fence; `failures` are thrown by the next commits, one each. */
export class FakeBatchLedger extends BatchLedger {
  readonly batches: IntakeBatch[] = [];
  readonly failures: Error[] = [];
  /** Throws for batches whose content it does not like. */
  refuse: (batch: IntakeBatch) => Error | null = () => null;
  private epoch = 0;
  private next = 0;

  async claim(): Promise<{ readonly epoch: number; readonly next: number }> {
    this.epoch += 1;
    return { epoch: this.epoch, next: this.next };
  }

  async commit(batch: IntakeBatch): Promise<BatchReport> {
    const failure = this.failures.shift() ?? this.refuse(batch);
    if (failure) throw failure;
    if (batch.epoch !== this.epoch || batch.from !== this.next) {
      throw new FencedOut(batch.source.topic, batch.source.partition, batch.epoch, batch.from);
    }
    this.next = batch.to;
    this.batches.push(batch);
    const labels = { joined: 0, early: 0, repeated: 0, conflicts: 0 };
    return { outcome: 'committed', counted: batch.events.length, duplicates: 0, sampled: 0, labels, dead: {} };
  }
}
