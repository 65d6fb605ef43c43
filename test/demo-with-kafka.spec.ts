import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import type { DemoSummary } from '../demo/summary.js';
import { type Broker, startBroker } from '../scripts/kafka/broker.mjs';
import { runDemo } from './support/run-demo.js';
import { describeWithKafka } from './support/kafka.js';

const MINUTES = 60_000;

/** The demonstration as it stands, but with KAFKA_BROKERS set: answers and labels go through a real log. */
describeWithKafka('the demo with Kafka', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-demo-kafka-'));
  let broker: Broker;
  beforeAll(async () => {
    broker = await startBroker();
  }, 4 * MINUTES);
  afterAll(async () => {
    await broker.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it(
    'closes the loop, and everything that was served went through the log',
    async () => {
      const file = join(folder, 'summary.json');
      const args = ['--scenario', 'compression-damage', '--json', file, '--port', '0'];
      const { code, output } = await runDemo(args, { KAFKA_BROKERS: broker.brokers });
      const summary = JSON.parse(readFileSync(file, 'utf8')) as DemoSummary;
      const problems = summary.scenarios.flatMap(({ name, problems: found }) => found.map((one) => `${name}: ${one}`));
      expect({ problems, tail: problems.length > 0 || code !== 0 ? output : '' }).toEqual({ problems: [], tail: '' });
      expect(summary.ok).toBe(true);
      const written = await recordsOf(broker.brokers);
      expect(written['ratchet.inference']).toBeGreaterThan(1_000);
      expect(written['ratchet.labels']).toBeGreaterThan(500);
    },
    8 * MINUTES,
  );
});

/** Records ever written, by topic. */
async function recordsOf(brokers: string): Promise<Record<string, number>> {
  const client = new kafkajs.Kafka({ brokers: [brokers], logLevel: kafkajs.logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith('ratchet.'));
    const counts = topics.map(async (topic) => {
      const offsets = await admin.fetchTopicOffsets(topic);
      return [topic, offsets.reduce((sum, { high }) => sum + Number(high), 0)] as const;
    });
    return Object.fromEntries(await Promise.all(counts));
  } finally {
    await admin.disconnect();
  }
}
