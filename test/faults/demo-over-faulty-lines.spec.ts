import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type Broker, startBroker } from '../../scripts/kafka/broker.mjs';
import { freePorts } from '../../scripts/kafka/ports.mjs';
import { type PrometheusServer, startPrometheus } from '../../scripts/prometheus/server.mjs';
import { seededRandom } from '../../src/kernel/index.js';
import { describeWithKafka } from '../support/kafka.js';
import { type Cluster, describeWithNode, openCluster } from '../support/kube.js';
import { runDemo } from '../support/run-demo.js';
import { describeWith } from '../support/services.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { FaultyHttp } from './faulty-http.js';

const MINUTES = 60_000;
const SEED = Number(process.env['RATCHET_FAULTS_SEED'] ?? 21);
/**
 * Percent: of requests and chunks of answers of Prometheus and of the API server, which are asked little in a minute, and of the
 * many chunks to and from Kafka.
 */
const SHARES = {
  prometheus: Number(process.env['RATCHET_FAULTS_PROMETHEUS'] ?? 20),
  kubernetes: Number(process.env['RATCHET_FAULTS_KUBERNETES'] ?? 10),
  kafka: Number(process.env['RATCHET_FAULTS_KAFKA'] ?? 0.5),
};
/** `all` takes them all; the first one already goes from traffic to a new champion through every one of the lines. */
const SCENARIO = process.env['RATCHET_FAULTS_SCENARIO'] ?? 'first-compression';

describeWithKafka('the demo', () => {
  describeWith('prometheus')('with', () => {
    describeWithNode('every line to a service of its own failing now and then', () => {
      const folder = mkdtempSync(join(tmpdir(), 'ratchet-faulty-lines-'));
      let prometheus: PrometheusServer;
      let toPrometheus: FaultyHttp;
      let cluster: Cluster;
      let toCluster: FaultyHttp;
      let broker: Broker;
      let toBroker: TcpProxy;

      beforeAll(async () => {
        prometheus = await startPrometheus();
        toPrometheus = await FaultyHttp.start(prometheus.url, { seed: SEED, probability: 0 });
        cluster = await openCluster();
        toCluster = await lineToCluster(cluster);
        const [port = 0] = await freePorts(1);
        toBroker = await TcpProxy.start({ host: '127.0.0.1', port });
        // Whatever a client is told leads through the proxy; so does what the broker says to itself about transactions.
        const advertised = `CLIENT://127.0.0.1:${toBroker.port}`;
        broker = await startBroker({ port, overrides: { 'advertised.listeners': advertised } });
      }, 6 * MINUTES);
      afterAll(async () => {
        await broker?.stop();
        await toBroker?.close();
        await toCluster?.close();
        await cluster?.stop();
        await toPrometheus?.close();
        await prometheus?.stop();
        rmSync(folder, { recursive: true, force: true });
      }, MINUTES);

      it(
        `ends as described, with ${SHARES.prometheus} % of requests to Prometheus, ${SHARES.kubernetes} % of those to Kubernetes and ${SHARES.kafka} % of chunks to and from Kafka failing (seed ${SEED})`,
        async () => {
          const [port = 0] = await freePorts(1);
          prometheus.scrape([`http://127.0.0.1:${port}`]);
          toPrometheus.probability = SHARES.prometheus / 100;
          toCluster.probability = SHARES.kubernetes / 100;
          toBroker.set({ kind: 'flaky', probability: SHARES.kafka / 100, random: seededRandom(SEED) });
          const scenario = SCENARIO === 'all' ? [] : ['--scenario', SCENARIO];
          const { summary, problems, tail } = await runDemo(
            ['--port', String(port), '--runner', 'kubernetes', ...scenario],
            {
              KAFKA_BROKERS: `127.0.0.1:${toBroker.port}`,
              PROMETHEUS_URL: toPrometheus.url,
              RATCHET_PROMETHEUS_ASK_SECONDS: '0.5',
              RATCHET_PROMETHEUS_STALE_SECONDS: '10',
              // The demo itself makes its namespace over the sound line; the control plane has only the faulty one.
              ...(cluster.dir === null ? {} : { RATCHET_TEST_CLUSTER: cluster.dir }),
              RATCHET_KUBERNETES_KUBECONFIG: kubeconfigOf(toCluster, folder),
            },
          );
          expect({ problems, tail }).toEqual({ problems: [], tail: '' });
          expect(summary.ok).toBe(true);
          const planted = {
            prometheus: sum(toPrometheus.injected),
            kubernetes: sum(toCluster.injected),
            kafka: toBroker.resets,
          };
          process.stdout.write(
            `  planted: ${JSON.stringify(planted)} in ${toPrometheus.requests} and ${toCluster.requests} requests\n`,
          );
          // A run in which nothing failed would show nothing.
          expect(Math.min(...Object.values(planted))).toBeGreaterThanOrEqual(1);
        },
        (SCENARIO === 'all' ? 20 : 8) * MINUTES,
      );
    });
  });
});

/** A proxy that has the rights of the cluster's own kubeconfig. */
async function lineToCluster(cluster: Cluster): Promise<FaultyHttp> {
  const flat = await cluster.kubectl(['config', 'view', '--raw', '--minify', '--flatten', '-o', 'json']);
  const { clusters, users } = JSON.parse(flat) as {
    clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
    users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
  };
  const [{ cluster: there }] = clusters;
  const [{ user }] = users;
  const pem = (base64: string): Buffer => Buffer.from(base64, 'base64');
  return FaultyHttp.start(
    there.server,
    { seed: SEED, probability: 0 },
    {
      ca: pem(there['certificate-authority-data']),
      cert: pem(user['client-certificate-data']),
      key: pem(user['client-key-data']),
    },
  );
}

/** A kubeconfig that leads to the proxy and needs no credentials of its own. */
function kubeconfigOf(line: FaultyHttp, folder: string): string {
  const file = join(folder, 'kubeconfig.json');
  const config = {
    // client-node speaks plain HTTP only where nobody asked for a check of certificates.
    ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'faulty' },
    clusters: [{ name: 'faulty', cluster: { server: line.url, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'nobody', user: {} }],
    contexts: [{ name: 'faulty', context: { cluster: 'faulty', user: 'nobody' } }],
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}
