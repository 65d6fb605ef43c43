import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { freePorts } from '../scripts/kafka/ports.mjs';
import { describeWithKubernetes } from './support/kube.js';
import { ProgramUnderTest } from './support/program-under-test.js';
import { anHttpRoute, openRouteBench, ref, type RouteBench } from './support/route-bench.js';
import { type HttpRoute, SplittingProxy } from './support/splitting-proxy.js';
import { ask, feed, serveTiny, TINY_TWIN } from './support/tiny-model.js';
import { until } from './support/until.js';
import { startWholeApp, type WholeApp } from './support/whole-app.js';

/** The whole program with its data plane behind an HTTPRoute: a stable gateway, one pinned to the candidate, a proxy before both. */
describeWithKubernetes('gateways behind an HTTPRoute', () => {
  let bench: RouteBench;
  let app: WholeApp;
  let pinned: ProgramUnderTest | undefined;
  let pinnedUrl: string;
  let proxy: SplittingProxy | undefined;

  beforeAll(async () => {
    bench = await openRouteBench('pinned', 'http-route');
    app = await startWholeApp(() => ({
      RATCHET_KUBERNETES_KUBECONFIG: bench.cluster.kubeconfig,
      RATCHET_CANDIDATES_LATENCY_ROUNDS: '30',
      RATCHET_CANDIDATES_LATENCY_CALLS: '2',
    }));
    const [port = 0] = await freePorts(1);
    pinnedUrl = `http://127.0.0.1:${port}`;
    pinned = new ProgramUnderTest('main.js', {
      DATABASE_URL: app.databaseUrl,
      RATCHET_ROLES: 'gateway',
      RATCHET_SERVING_ARM: 'candidate',
      RATCHET_SERVING_ROUTE_INTERVAL_MS: '25',
      RATCHET_SERVING_HEARTBEAT_MS: '100',
      RATCHET_TELEMETRY_FLUSH_MS: '25',
      RATCHET_HTTP_PORT: String(port),
      RATCHET_MODELS_ARTIFACT_FOLDER: join(app.folder, 'artifacts'),
    });
    await bench
      .of('http-route')
      .create(anHttpRoute('tiny', [{ backendRefs: [ref('stable'), ref('candidate', { weight: 0 })] }]));
    const backends = new Map([
      ['stable', app.url],
      ['candidate', pinnedUrl],
    ]);
    proxy = await SplittingProxy.open(bench.connection, bench.namespace, 'tiny', backends);
    const gate = { kind: 'error-ratio', max: 0.5, minimumSamples: 5 };
    await serveTiny(app, 'tiny', {
      promotion: { approval: 'auto' },
      rollout: {
        steps: [25, 50].map((weight) => ({ weight, holdSeconds: 1, gates: [gate] })),
        ...{ blindSeconds: 60, undecidedSeconds: 90, confirmSeconds: 20 },
        target: {
          ...{ kind: 'http-route', namespace: bench.namespace, name: 'tiny' },
          ...{ stable: { name: 'stable' }, candidate: { name: 'candidate' } },
        },
      },
    });
    await feed(app, 'tiny', 300);
    await pinned.says(/ratchet is serving/);
  }, 180_000);
  afterAll(async () => {
    // What did not start has nothing to close, and must not hide why.
    await proxy?.close();
    await pinned?.kill();
    await app.close();
    await bench.close();
  });

  const get = async (path: string) => (await app.call('GET', `/api/v1/${path}`)).body;
  const weights = async () =>
    (await bench.of<HttpRoute>('http-route').get('tiny')).spec.rules![0]!.backendRefs!.map(({ weight }) => weight);
  /** What answered `count` requests through the proxy: `<arm> <version>`. */
  async function sendThroughProxy(count: number): Promise<string[]> {
    const through = {
      ...app,
      call: (method: string, path: string, body?: unknown) => post(proxy!.url + path, method, body),
    };
    const answers = await Promise.all(Array.from({ length: count }, (_, n) => ask(through, 'tiny', n % 4)));
    return answers.map(({ status, body }) =>
      status === 200
        ? `${(body['parameters'] as { arm: string }).arm} ${String(body['model_version'])}`
        : `HTTP ${status} ${JSON.stringify(body)}`,
    );
  }

  it('take a candidate from its first request to its promotion without one failed request, and each answer says who gave it', async () => {
    const champion = String((await get('models/tiny/route'))['stable']);
    // Nobody is a candidate yet: the pinned gateway says so, once it has its models.
    const refusal = await until(
      'refusal of the pinned gateway',
      async () => {
        const { status, body } = await post(`${pinnedUrl}/v2/models/tiny/infer`, 'POST', {
          inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 0, 0, 0] }],
        });
        const isLoading = status === 503 && JSON.stringify(body).includes('still loading');
        return isLoading ? null : { status, body };
      },
      60,
    );
    expect(refusal).toMatchObject({
      status: 503,
      body: { error: expect.stringContaining('answers with candidates only') },
    });

    const twin = await app.upload(TINY_TWIN);
    expect((await app.call('POST', '/api/v1/models/tiny/candidates', { digest: twin })).status).toBe(201);
    const seen = new Set<string>();
    const steps = new Set<string>();
    await until(
      'promotion that reached the route',
      async () => {
        for (const answer of await sendThroughProxy(20)) seen.add(answer);
        steps.add(JSON.stringify(await weights()));
        const route = await bench.of<HttpRoute>('http-route').get('tiny');
        const isSettled =
          (await get('models/tiny/route'))['stable'] === twin && route.metadata.annotations === undefined;
        return isSettled ? true : null;
      },
      150,
      async () => [
        await get('rollouts/tiny-m1-r'),
        await get('experiments/tiny-m1-x'),
        [...seen],
        [...steps],
        pinned?.lastLines(),
      ],
    );
    for (let more = 0; more < 10; more++) for (const answer of await sendThroughProxy(20)) seen.add(answer);
    // Every step, and nothing else: the lease is taken at 0 % while the pinned gateway loads the candidate.
    expect([...steps].filter((step) => !['[1,0]', '[100,0]', '[75,25]', '[50,50]'].includes(step))).toEqual([]);
    expect([...steps]).toEqual(expect.arrayContaining(['[75,25]', '[50,50]', '[100,0]']));
    expect(await weights()).toEqual([100, 0]);
    // After the promotion the pinned gateway stands in with the new champion until the split has followed.
    const allowed = [`stable ${champion}`, `candidate ${twin}`, `stable ${twin}`];
    expect([...seen].filter((answer) => !allowed.includes(answer))).toEqual([]);
    expect([...seen]).toEqual(expect.arrayContaining(allowed));
    const { items } = (await get(`models/tiny/windows?version=${twin}`)) as { items: { requests: number }[] };
    expect(items.reduce((sum, { requests }) => sum + requests, 0)).toBeGreaterThan(10);
  }, 240_000);
});

async function post(
  url: string,
  method: string,
  body: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url, {
    method,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
}
