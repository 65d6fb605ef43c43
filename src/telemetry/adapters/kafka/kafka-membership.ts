import type { Admin, Consumer } from 'kafkajs';
import type { IntakeSource, LogMembership } from '../../ports.js';

/** What a reader may ask of the running consumer. Between two memberships kafkajs refuses; then there is nothing to do. */
export class KafkaMembership implements LogMembership {
  private readonly noted = new Map<string, { readonly source: IntakeSource; readonly next: number }>();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly consumer: Consumer,
    private readonly admin: Admin,
    noteMs: number,
  ) {
    this.timer = setInterval(() => void this.noteAll(), noteMs);
    this.timer.unref();
  }

  seek({ topic, partition }: IntakeSource, offset: number): void {
    this.consumer.seek({ topic, partition, offset: String(offset) });
    this.consumer.resume([{ topic, partitions: [partition] }]);
  }

  pause({ topic, partition }: IntakeSource): void {
    ifRunning(() => {
      this.consumer.pause([{ topic, partitions: [partition] }]);
    });
  }

  resume({ topic, partition }: IntakeSource): void {
    ifRunning(() => {
      this.consumer.resume([{ topic, partitions: [partition] }]);
    });
  }

  note(source: IntakeSource, next: number): void {
    this.noted.set(`${source.topic}/${source.partition}`, { source, next });
  }

  async extent({ topic, partition }: IntakeSource): Promise<{ readonly start: number; readonly end: number }> {
    const found = (await this.admin.fetchTopicOffsets(topic)).find((one) => one.partition === partition);
    if (found === undefined) throw new TypeError(`Kafka knows no partition ${partition} of ${topic}.`);
    return { start: Number(found.low), end: Number(found.high) };
  }

  /** Commits to Kafka what was noted since the last time; only lag tools read it, so a failure does not matter. */
  async noteAll(): Promise<void> {
    const offsets = [...this.noted.values()].map(({ source, next }) => ({ ...source, offset: String(next) }));
    this.noted.clear();
    if (offsets.length === 0) return;
    try {
      await this.consumer.commitOffsets(offsets);
    } catch {
      // The next one says more.
    }
  }

  close(): void {
    clearInterval(this.timer);
    this.noted.clear();
  }
}

function ifRunning(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'KafkaJSNonRetriableError') throw error;
  }
}
