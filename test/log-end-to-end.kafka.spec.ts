import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Producer } from 'kafkajs';
import type { Broker } from '../scripts/kafka/broker.mjs';
import { describeWithKafka, openProducer, startTestBroker } from './support/kafka.js';
import { ask, serveTiny } from './support/tiny-model.js';
import { until } from './support/until.js';
import { startWholeApp, type WholeApp } from './support/whole-app.js';

const SECONDS = 1000;

describeWithKafka('telemetry over a real Kafka', () => {
  let broker: Broker;
  let app: WholeApp;
  let producer: Producer;
  let digest: string;

  beforeAll(async () => {
    broker = await startTestBroker();
    app = await startWholeApp(() => ({ KAFKA_BROKERS: broker.brokers, RATCHET_TELEMETRY_LOG_PARTITIONS: '2' }));
    producer = await openProducer(broker.brokers);
    digest = await serveTiny(app, 'toy');
  }, 120 * SECONDS);

  afterAll(async () => {
    await producer.disconnect();
    await app.close();
    await broker.stop();
  }, 60 * SECONDS);

  const event = (requestId: string, fields: object = {}): string =>
    JSON.stringify({
      ...{ schema: 'ratchet.dev/inference/v1', requestId, model: 'toy', version: digest },
      ...{ at: Date.now(), latencyMs: 3, prediction: 1, confidence: 0.9 },
      ...fields,
    });
  const windows = async (): Promise<{ requests: number; labelled: number; correct: number }> => {
    const { body } = await app.call('GET', '/api/v1/models/toy/windows?seconds=3600');
    const sum = { requests: 0, labelled: 0, correct: 0 };
    for (const window of body['items'] as (typeof sum)[]) {
      for (const key of ['requests', 'labelled', 'correct'] as const) sum[key] += window[key];
    }
    return sum;
  };
  const reached = (what: string, requests: number): Promise<unknown> =>
    until(what, async () => ((await windows()).requests === requests ? true : null), 30, windows);
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`${app.url}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith(name) && !line.startsWith('#'));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };

  it(
    'takes the gateway’s answers, senders’ events over HTTP and Kafka, and labels, each once',
    async () => {
      const before = (await windows()).requests;
      const answered = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(app, 'toy', n % 4, `gateway-${n}`)));
      expect(answered.map(({ status }) => status)).toEqual(Array<number>(20).fill(200));
      const http = await app.call('POST', '/api/v1/telemetry/events', [
        ...[1, 2, 3].map((n) => JSON.parse(event(`http-${n}`)) as object),
        { schema: 'ratchet.dev/inference/v1', model: 'toy' },
      ]);
      expect(http).toEqual({ status: 202, body: { accepted: 3, rejected: 1 } });
      const messages = [1, 2, 3, 4, 5, 5].map((n) => ({ key: `kafka-${n}`, value: event(`kafka-${n}`) }));
      await producer.send({ topic: 'ratchet.inference', messages });
      const labels = Array.from({ length: 20 }, (_, n) => ({ requestId: `gateway-${n}`, label: n % 4 }));
      expect((await app.call('POST', '/api/v1/models/toy/labels', { labels })).status).toBe(202);
      expect((await app.call('POST', '/api/v1/models/nobody/labels', { labels })).status).toBe(404);

      // serveTiny asks until it is answered, so some requests were counted before these.
      await until(
        '28 more requests',
        async () => ((await windows()).requests >= before + 28 ? true : null),
        30,
        windows,
      );
      await until('20 labels', async () => ((await windows()).labelled === 20 ? true : null), 30, windows);
      expect((await windows()).correct).toBe(20);
      expect(await metric('ratchet_telemetry_log_rebalances_total')).toBeGreaterThanOrEqual(1);
      await until('a lag of 0', async () => ((await metric('ratchet_telemetry_log_lag_records')) === 0 ? true : null));
      await reached('nothing more', (await windows()).requests);
    },
    90 * SECONDS,
  );

  it(
    'keeps what it cannot read as a dead letter with topic, partition, offset and reason',
    async () => {
      const sent = await producer.send({
        topic: 'ratchet.labels',
        messages: [
          { key: 'x', partition: 1, value: 'no json' },
          { key: 'x', partition: 1, value: null },
        ],
      });
      const first = Number(sent[0]?.baseOffset);
      const found = await until('two dead letters', async () => {
        const { body } = await app.call('GET', '/api/v1/telemetry/dead-letters?limit=50');
        const mine = (body['items'] as Record<string, unknown>[]).filter(({ topic }) => topic === 'ratchet.labels');
        return mine.length === 2 ? mine : null;
      });
      expect(found.map(({ partition, offset }) => [partition, Number(offset)])).toEqual([
        [1, first + 1],
        [1, first],
      ]);
    },
    60 * SECONDS,
  );

  it(
    'serves while the broker is away, and counts what was answered once it is back',
    async () => {
      const before = (await windows()).requests;
      await broker.kill();
      const answered = await Promise.all(Array.from({ length: 10 }, (_, n) => ask(app, 'toy', n % 4, `away-${n}`)));
      expect(answered.map(({ status }) => status)).toEqual(Array<number>(10).fill(200));
      expect(await metric('ratchet_telemetry_shed_total')).toBe(0);
      await broker.restart();
      await until(
        'ten more requests',
        async () => ((await windows()).requests === before + 10 ? true : null),
        60,
        windows,
      );
    },
    120 * SECONDS,
  );
});
