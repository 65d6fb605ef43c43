import kafkajs, { type Message, type Producer } from 'kafkajs';
import { type Kafka, PATIENT } from '../../../platform/kafka/index.js';
import { IntakeUnavailable, TooLargeForLog } from '../../domain/errors.js';
import { type OutgoingRecord, RecordAppender } from '../../ports.js';
import { recordBytes } from '../../record-bytes.js';

/** What brokers answer to a record or a batch that is larger than their topic or segment takes; final, unlike the rest. */
const TOO_LARGE: ReadonlySet<unknown> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

/**
 * Appends by an idempotent producer: all replicas, zstd. One call is tried again inside kafkajs with the same sequence
 * numbers, so the brokers recognise what they have already. When it gives up in the end the producer is thrown away:
 * another batch under the numbers of a failed one that had arrived after all would be taken for its repetition and lost.
 */
export class KafkaAppender extends RecordAppender {
  private producer: Promise<Producer> | null = null;

  constructor(private readonly kafka: Kafka) {
    super();
  }

  override async append(records: readonly OutgoingRecord[]): Promise<void> {
    this.producer ??= this.connect();
    try {
      const producer = await this.producer;
      await producer.sendBatch({
        acks: -1,
        compression: kafkajs.CompressionTypes.ZSTD,
        topicMessages: byTopic(records),
      });
    } catch (error) {
      await this.close();
      if (isTooLarge(error)) {
        const bytes = records.reduce((sum, record) => sum + recordBytes(record), 0);
        throw new TooLargeForLog(records.length, bytes, { cause: error });
      }
      const reason = error instanceof Error ? error.message : String(error);
      throw new IntakeUnavailable(`the log does not take it (${reason})`, { cause: error });
    }
  }

  override async close(): Promise<void> {
    const { producer } = this;
    this.producer = null;
    await producer?.then((one) => one.disconnect()).catch(() => undefined);
  }

  private async connect(): Promise<Producer> {
    const producer = this.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      retry: { ...PATIENT },
    });
    await producer.connect();
    return producer;
  }
}

/** kafkajs wraps what a broker answered. */
function isTooLarge(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; cause instanceof Error && depth < 8; depth += 1) {
    if (TOO_LARGE.has((cause as { readonly type?: unknown }).type)) return true;
    cause = cause.cause;
  }
  return false;
}

function byTopic(records: readonly OutgoingRecord[]): { topic: string; messages: Message[] }[] {
  const topics = new Map<string, Message[]>();
  for (const { topic, key, value, headers } of records) {
    const message: Message = {
      key,
      value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
      headers: { ...headers },
    };
    const messages = topics.get(topic);
    if (messages === undefined) topics.set(topic, [message]);
    else messages.push(message);
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}
