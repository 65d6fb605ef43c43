import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type PrometheusServer, startPrometheus } from '../scripts/prometheus/server.mjs';
import { buildOnnx } from '../src/models/testing/index.js';
import { describeWith } from './support/services.js';
import { ask, feed, serveTiny } from './support/tiny-model.js';
import { until } from './support/until.js';
import { startWholeApp, type WholeApp } from './support/whole-app.js';

const OUTAGE_MS = 60_000;

interface Status {
  readonly phase: string;
  readonly reason?: string;
  readonly at?: string;
  readonly step?: number;
  readonly blindSince?: string | null;
  readonly readings?: readonly {
    readonly gate: { readonly kind: string };
    readonly verdict: string;
    readonly reason: string;
    readonly at: string;
  }[];
}

/** The whole program with a real Prometheus that scrapes it every second; typed gates and one of somebody's own. */
describeWith('prometheus')('a rollout behind a real Prometheus', () => {
  let prometheus: PrometheusServer;
  let app: WholeApp;
  let exporter: Server;
  let complaints = 0;
  let traffic = true;
  const streams: Promise<void>[] = [];

  beforeAll(async () => {
    exporter = createServer((_, response) => {
      response.setHeader('content-type', 'text/plain; version=0.0.4');
      response.end(`# TYPE shop_complaints_ratio gauge\nshop_complaints_ratio ${complaints}\n`);
    });
    await new Promise<void>((ready) => exporter.listen(0, '127.0.0.1', ready));
    prometheus = await startPrometheus();
    app = await startWholeApp(() => ({
      RATCHET_CANDIDATES_LATENCY_ROUNDS: '30',
      RATCHET_CANDIDATES_LATENCY_CALLS: '2',
      RATCHET_PROMETHEUS_URL: prometheus.url,
      RATCHET_PROMETHEUS_TIMEOUT_MS: '2000',
      RATCHET_PROMETHEUS_ASK_SECONDS: '0.5',
      RATCHET_PROMETHEUS_STALE_SECONDS: '10',
    }));
    prometheus.scrape([app.url, `http://127.0.0.1:${(exporter.address() as AddressInfo).port}`]);
  }, 60_000);
  afterAll(async () => {
    traffic = false;
    await Promise.all(streams);
    await app?.close();
    await prometheus?.stop();
    await new Promise((done) => exporter.close(done));
  });

  const gates = [
    { kind: 'error-ratio', max: 0.5, minimumSamples: 5 },
    { kind: 'latency-p95', maxMs: 5000, minimumSamples: 5 },
    { kind: 'promql', name: 'complaints', query: 'max(shop_complaints_ratio)', max: 0.1, minimumSamples: 2 },
  ];
  const steps = [
    { weight: 30, holdSeconds: 6, gates },
    { weight: 60, holdSeconds: 2, gates },
  ];
  const statusOf = async (model: string): Promise<Status> => {
    const { body } = await app.call('GET', `/api/v1/rollouts/${model}-m1-r`);
    return (body['status'] ?? { phase: 'none' }) as Status;
  };

  /** Serves a model, submits its twin, and waits until the first step's gates are read. */
  async function canary(model: string): Promise<void> {
    await serveTiny(app, model, {
      rollout: { steps, blindSeconds: 180, undecidedSeconds: 120, confirmSeconds: 60 },
    });
    await feed(app, model, 300);
    const stream = async (): Promise<void> => {
      for (let n = 0; traffic; n += 1) {
        await ask(app, model, n % 4);
        await new Promise((next) => setTimeout(next, 15));
      }
    };
    streams.push(stream());
    const twin = await app.upload(buildOnnx({ producer: model.slice(0, 4) }));
    expect(await app.call('POST', `/api/v1/models/${model}/candidates`, { digest: twin })).toMatchObject({
      status: 201,
    });
    const reads = async () => {
      const status = await statusOf(model);
      return status.phase === 'Progressing' && (status.readings?.length ?? 0) > 0 ? status : null;
    };
    const stand = () =>
      Promise.all(
        [`candidates/${model}-m1`, `experiments/${model}-m1-x`].map(
          async (path) => (await app.call('GET', `/api/v1/${path}`)).body['status'],
        ),
      );
    await until('first step whose gates are read', reads, 60, stand);
  }

  it('says where gates are read from, and refuses a query that Prometheus does not understand', async () => {
    const { body } = await app.call('GET', '/readyz');
    expect(body['checks']).toContainEqual({
      ...{ name: 'gates', ready: true },
      detail: expect.stringMatching(`^read from Prometheus at ${prometheus.url}; `),
    });
    const digest = await app.upload(buildOnnx({}));
    const { tinyDocument } = await import('./support/tiny-model.js');
    const wrong = [{ weight: 10, holdSeconds: 0, gates: [{ kind: 'promql', query: 'rate(up)', max: 1 }] }];
    const refused = await app.call(
      'PUT',
      '/api/v1/models/wrong',
      tinyDocument('wrong', digest, { rollout: { steps: wrong } }),
    );
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain('Prometheus says: ');
  }, 30_000);

  it('survives a minute without Prometheus, held, and then goes on', async () => {
    await canary('healthy');
    prometheus.pause();
    const until60 = Date.now() + OUTAGE_MS;
    const seen = new Set<string>();
    while (Date.now() < until60) {
      const { phase, step, blindSince } = await statusOf('healthy');
      seen.add(`${phase} ${step} ${blindSince == null ? 'sees' : 'blind'}`);
      await new Promise((next) => setTimeout(next, 500));
    }
    // Held on one step, and blind from soon after until the end.
    expect([...seen].filter((state) => !/^Progressing [01] (sees|blind)$/.test(state))).toEqual([]);
    const held = await statusOf('healthy');
    expect(held).toMatchObject({ phase: 'Progressing', blindSince: expect.any(String) });
    expect((await app.call('GET', '/readyz')).status).toBe(200);
    prometheus.resume();
    await until(
      'rollout that goes on to its end',
      async () => {
        const { phase } = await statusOf('healthy');
        return phase === 'Ready' || phase === 'Promoted' ? phase : null;
      },
      60,
      () => statusOf('healthy'),
    );
  }, 180_000);

  it('is rolled back within a minute of the first bad window', async () => {
    await canary('bad');
    complaints = 0.9;
    const began = Date.now();
    const status = await until(
      'rollback',
      async () => {
        const now = await statusOf('bad');
        return now.phase === 'RolledBack' ? now : null;
      },
      60,
      () => statusOf('bad'),
    );
    expect(status.reason).toContain('complaints');
    expect(Date.parse(status.at ?? '') - began).toBeLessThan(60_000);
    const { body } = await app.call('GET', '/api/v1/models/bad/route');
    expect(body).toMatchObject({ weight: 0 });
  }, 120_000);
});
