import { log } from '../observability/index.js';
import type { Kafka } from './create-client.js';
import { TopicsMissing } from './errors.js';
import { explainKafka } from './explain.js';

export interface TopicRules {
  readonly mayCreate: boolean;
  readonly partitions: number;
  /** 0 = the broker's default. */
  readonly replicas: number;
}

/**
 * Makes sure that the topics exist. Repeatable, and safe from several processes at once.
 * @throws TopicsMissing @throws KafkaUnreachable @throws KafkaRefused
 */
export async function requireTopics(
  kafka: Kafka,
  brokers: readonly string[],
  topics: readonly string[],
  { mayCreate, partitions, replicas }: TopicRules,
): Promise<void> {
  const admin = kafka.admin({ retry: { retries: 1 } });
  try {
    await admin.connect();
    const there = new Set(await admin.listTopics());
    const missing = topics.filter((topic) => !there.has(topic));
    if (missing.length === 0) return;
    if (!mayCreate) throw new TopicsMissing(missing);
    await admin.createTopics({
      topics: missing.map((topic) => ({ topic, numPartitions: partitions, replicationFactor: replicas || -1 })),
      waitForLeaders: true,
    });
    log.info({ topics: missing, partitions }, 'kafka topics created');
  } catch (error) {
    if (error instanceof TopicsMissing) throw error;
    throw explainKafka(error, brokers);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}
