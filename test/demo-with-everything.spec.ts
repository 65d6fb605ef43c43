import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { freePorts } from '../scripts/kafka/ports.mjs';
import { DASHBOARDS } from '../dashboards/index.js';
import { hasNode } from '../scripts/kube/cluster.mjs';
import { type Broker, startBroker } from '../scripts/kafka/broker.mjs';
import { type PrometheusServer, startPrometheus } from '../scripts/prometheus/server.mjs';
import { queriesOf, withVariables } from './support/dashboards.js';
import { runDemo } from './support/run-demo.js';
import { describeWith } from './support/services.js';
import { describeWithKafka } from './support/kafka.js';

const MINUTES = 60_000;

/**
 * What a run without any mishap cannot show, and why. Everything else that a dashboard asks must have an answer after the
 * demonstration.
 */
const NOT_IN_A_GOOD_RUN: readonly string[] = [
  'ratchet_experiments_sample_ratio_mismatch_ratio', // of live experiments; the demonstration mirrors
];

/**
 * The demonstration as a user runs it, with every real part at once: answers and labels go through Kafka, gates ask Prometheus, jobs are
 * pods on Kubernetes where a node can be had, and the dashboards ask what the run left behind.
 */
describeWithKafka('the demo', () => {
  describeWith('prometheus')('with Kafka, Prometheus and Kubernetes', () => {
    let broker: Broker;
    let prometheus: PrometheusServer;
    let began: number;
    beforeAll(async () => {
      broker = await startBroker();
      prometheus = await startPrometheus({ rules: [join(import.meta.dirname, '../dashboards/rules/recording.yaml')] });
    }, 4 * MINUTES);
    afterAll(async () => {
      await prometheus?.stop();
      await broker?.stop();
    });

    it(
      'closes the loop, and everything that was served went through the log',
      async () => {
        const [port = 0] = await freePorts(1);
        prometheus.scrape([`http://127.0.0.1:${port}`]);
        began = Date.now();
        const args = ['--port', String(port), ...(hasNode() ? ['--runner', 'kubernetes'] : [])];
        const { summary, problems, tail } = await runDemo(args, {
          KAFKA_BROKERS: broker.brokers,
          PROMETHEUS_URL: prometheus.url,
          RATCHET_PROMETHEUS_ASK_SECONDS: '0.5',
          RATCHET_PROMETHEUS_STALE_SECONDS: '10',
        });
        expect({ problems, tail }).toEqual({ problems: [], tail: '' });
        expect(summary.ok).toBe(true);
        const written = await recordsOf(broker.brokers);
        expect(written['ratchet.inference']).toBeGreaterThan(1_000);
        expect(written['ratchet.labels']).toBeGreaterThan(500);
      },
      14 * MINUTES,
    );

    describe('leaves behind what the dashboards ask for:', () => {
      it.each(Object.entries(DASHBOARDS))('%s', async (_name, make) => {
        const unanswered: { panel: string; expr: string }[] = [];
        for (const query of queriesOf(make())) {
          if (NOT_IN_A_GOOD_RUN.some((metric) => query.expr.includes(metric))) continue;
          if (!(await hasData(prometheus.url, withVariables(query.expr, '15s'), began))) unanswered.push(query);
        }
        expect(unanswered).toEqual([]);
      });
    });
  });
});

/** True when the query has a finite value at some time since `began`. */
async function hasData(url: string, query: string, began: number): Promise<boolean> {
  const range = new URLSearchParams({
    query,
    start: String(began / 1000),
    end: String(Date.now() / 1000),
    step: '5',
  });
  const response = await fetch(`${url}/api/v1/query_range`, { method: 'POST', body: range });
  const answer = (await response.json()) as {
    status: string;
    error?: string;
    data: { result: { values: [number, string][] }[] };
  };
  if (answer.status !== 'success') throw new Error(`${query}: ${answer.error}`);
  return answer.data.result.some(({ values }) => values.some(([, value]) => Number.isFinite(Number(value))));
}

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
