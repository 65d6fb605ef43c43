import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { buildOnnx } from '../src/models/testing/index.js';
import { ClusterConnection } from '../src/platform/kubernetes/index.js';
import { installDefinitions } from './support/crds.js';
import { type InstalledChart, prepareChart, TOKEN } from './support/installed-chart.js';
import { describeWithNode } from './support/kube.js';
import { type HttpRoute, SplittingProxy } from './support/splitting-proxy.js';
import { ask, feed, serveTiny } from './support/tiny-model.js';
import { until } from './support/until.js';
import { call, type WholeApp } from './support/whole-app.js';

const MINUTE = 60_000;

/** Everything looks more often than in production. */
const QUICK = {
  RATCHET_SERVING_ROUTE_INTERVAL_MS: 100,
  RATCHET_TELEMETRY_FLUSH_MS: 100,
  RATCHET_CANDIDATES_LATENCY_ROUNDS: 30,
  RATCHET_CANDIDATES_LATENCY_CALLS: 2,
  RATCHET_EXPERIMENTS_PASS_MS: 100,
  RATCHET_EXPERIMENTS_UNLABELLED_AFTER_SECONDS: 0,
};
const SMALL = { requests: { cpu: '20m', memory: '128Mi', 'ephemeral-storage': '32Mi' } };
const VALUES = {
  settings: QUICK,
  control: { replicas: 2, resources: SMALL },
  gateway: {
    replicas: 1,
    resources: SMALL,
    pair: { enabled: true, replicas: 1, httpRoute: { parentRefs: [{ name: 'proxy' }] } },
  },
  guardian: { replicas: 1, resources: SMALL },
  routes: { httpRoutes: true },
};

interface Pods {
  readonly items: readonly {
    readonly metadata: {
      readonly name: string;
      readonly labels: Readonly<Record<string, string>>;
      readonly deletionTimestamp?: string;
    };
    readonly status: {
      readonly phase: string;
      readonly podIP: string;
      readonly containerStatuses: readonly { ready: boolean }[];
    };
  }[];
}

describeWithNode('the chart on a real cluster', () => {
  let chart: InstalledChart;
  let connection: ClusterConnection;

  beforeAll(async () => {
    chart = await prepareChart('chart');
    await installDefinitions(chart.cluster, 'http-route');
    connection = new ClusterConnection({ kubeconfig: chart.cluster.kubeconfig, requestTimeoutMs: 10_000 });
    await chart.deploy(VALUES);
  }, 10 * MINUTE);
  afterAll(async () => {
    await connection.close();
    await chart.close();
  }, 2 * MINUTE);

  const pods = async () => (await chart.get<Pods>('pods')).items;
  const partOf = ({ metadata }: Pods['items'][number]) => metadata.labels['app.kubernetes.io/component'];

  it('runs every part where only restricted pods may run, all ready', async () => {
    const all = await pods();
    expect(all.map(partOf).sort()).toEqual([
      ...['control', 'control', 'gateway', 'gateway-candidate', 'gateway-stable', 'guardian'],
    ]);
    expect(all.map(({ status }) => [status.phase, status.containerStatuses[0]!.ready])).toEqual(
      all.map(() => ['Running', true]),
    );
    const self = `const fs = require('fs'); const may = (path) => { try { fs.writeFileSync(path, ''); return true } catch { return false } };
      const token = fs.existsSync('/var/run/secrets/kubernetes.io/serviceaccount/token');
      console.log(JSON.stringify({ uid: process.getuid(), root: may('/app/x'), tmp: may('/tmp/x'), token }))`;
    const seen = { uid: 10_001, root: false, tmp: true };
    expect(JSON.parse(await chart.inPod('gateway', self))).toEqual({ ...seen, token: false });
    expect(JSON.parse(await chart.inPod('guardian', self))).toEqual({ ...seen, token: true });
  });

  it('answers through its Service, by its name and from another pod, to those who have a token', async () => {
    const asked = (headers: object) =>
      `fetch('http://acme-ratchet-control/api/v1/models', { headers: ${JSON.stringify(headers)} }).then(async (answer) => console.log(answer.status, await answer.text()))`;
    expect(await chart.inPod('gateway', asked({}))).toMatch(/^401 .*"code":"unauthenticated"/);
    expect(await chart.inPod('gateway', asked({ authorization: `Bearer ${TOKEN}` }))).toBe('200 {"items":[]}\n');
  });

  it(
    'brings a promotion made through the API to the built-in gateway',
    async () => {
      const app = await appOver(chart, await chart.serviceUrl('gateway'));
      const champion = await serveTiny(app, 'tiny');
      const twin = await promote(app, 'tiny', 'twn1');
      await until('answers of the new champion only', async () => {
        const answers = await answeredBy(app, 'tiny');
        return answers.size === 1 && answers.has(twin) ? true : null;
      });
      expect((await chart.call('GET', '/api/v1/models/tiny/history')).body).toMatchObject({
        items: [{ champion: twin, until: null }, { champion }],
      });
    },
    2 * MINUTE,
  );

  it(
    'brings a promotion made through the API to the HTTPRoute, step by step, and leaves it as it was installed',
    async () => {
      const name = 'acme-ratchet-gateway';
      const backends = new Map<string, string>();
      for (const arm of ['stable', 'candidate'])
        backends.set(`${name}-${arm}`, await chart.serviceUrl(`gateway-${arm}`));
      const proxy = await SplittingProxy.open(connection, chart.namespace, name, backends);
      try {
        const route = () => chart.get<HttpRoute>('httproute', name);
        const installed = await route();
        const weights = async () => (await route()).spec.rules![0]!.backendRefs!.map(({ weight }) => weight);
        expect(await weights()).toEqual([100, 0]);
        const app = await appOver(chart, proxy.url);
        const [stable, candidate] = [...backends.keys()].map((service) => ({ name: service }));
        const target = { kind: 'http-route', namespace: chart.namespace, name, rule: 'ratchet', stable, candidate };
        const gate = { kind: 'error-ratio', max: 0.5, minimumSamples: 5 };
        const steps = [{ weight: 50, holdSeconds: 0, gates: [gate] }];
        const champion = await serveTiny(app, 'edge', {
          rollout: { steps, blindSeconds: 30, undecidedSeconds: 60, target },
        });
        const between: unknown[] = [];
        const twin = await promote(app, 'edge', 'twn2', async () => {
          between.push(await weights(), await answeredBy(app, 'edge'));
        });
        expect(between).toEqual([[50, 50], new Set([champion, twin])]);
        await until('answers of the new champion only', async () => {
          const answers = await answeredBy(app, 'edge');
          return answers.size === 1 && answers.has(twin) ? true : null;
        });
        await until('route as it was installed', async () =>
          JSON.stringify((await route()).spec) === JSON.stringify(installed.spec) ? true : null,
        );
      } finally {
        await proxy.close();
      }
    },
    2 * MINUTE,
  );

  it(
    'runs a job in the namespace of the jobs, and says how it ended',
    async () => {
      const opened = await chart.call('POST', '/api/v1/models/tiny/triggers', { reason: 'to see a job' });
      expect(opened).toMatchObject({ status: 201, body: { status: { phase: 'Open' } } });
      const id = String(opened.body['id']);
      const made = await until('Job', async () => {
        const list = await chart.cluster.kubectl(['get', 'jobs,secrets', '-n', chart.jobsNamespace, '-o', 'json']);
        const { items } = JSON.parse(list) as { items: { kind: string; metadata: { name: string } }[] };
        return items.length > 1 ? items : null;
      });
      expect(made.map(({ kind, metadata }) => [kind, metadata.name.includes(id)])).toEqual([
        ['Job', true],
        ['Secret', true],
      ]);
      const job = async () => (await chart.call('GET', `/api/v1/jobs/${id}-job`)).body['status'] as { phase?: string };
      const ended = await until(
        'end of the job',
        async () => ((await job()).phase === 'Failed' ? job() : null),
        90,
        job,
      );
      expect(ended).toMatchObject({ failures: [expect.stringMatching(/exited with 1\b/)] });
    },
    3 * MINUTE,
  );

  it('was allowed every call that it made, with exactly the rights of the chart', async () => {
    const calls = new Map<string, number>();
    for (const pod of (await pods()).filter((one) => ['control', 'guardian'].includes(partOf(one)!))) {
      const text = await (await fetch(`http://${pod.status.podIP}:8080/metrics`)).text();
      for (const [, labels, value] of text.matchAll(/^ratchet_kubernetes_requests_total\{(.*)\} (\d+)$/gm))
        calls.set(labels!, (calls.get(labels!) ?? 0) + Number(value));
    }
    const made = [...calls].filter(([, count]) => count > 0).map(([labels]) => labels);
    expect(made.filter((labels) => labels.includes('result="forbidden"'))).toEqual([]);
    const worked = made.filter((labels) => labels.includes('result="ok"')).join('\n');
    for (const [verb, resource] of [
      ['PATCH', 'httproutes'],
      ['POST', 'jobs'],
      ['POST', 'secrets'],
      ['GET', 'pods'],
    ])
      expect(worked).toContain(`verb="${verb}",resource="${resource}"`);
  });

  it(
    'rolls an upgrade out without one failed request of the API',
    async () => {
      const before = new Set(
        (await pods()).filter((pod) => partOf(pod) === 'control').map(({ metadata }) => metadata.name),
      );
      const url = await chart.serviceUrl('control');
      const failed: unknown[] = [];
      let asked = 0;
      let done = false;
      const asking = (async () => {
        while (!done) {
          asked += 1;
          // A connection of its own for each request, as from clients that know nothing of each other.
          const headers = { connection: 'close' };
          const status = await call(`${url}/api/v1/models`, 'GET', undefined, TOKEN, headers).then(
            (answer) => answer.status,
            (error: unknown) => String(error),
          );
          if (status !== 200) failed.push(status);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })();
      await chart.deploy({ ...VALUES, control: { ...VALUES.control, settings: { RATCHET_RECONCILE_CONCURRENCY: 5 } } });
      done = true;
      await asking;
      expect({ failed, asked: asked > 50 }).toEqual({ failed: [], asked: true });
      const staying = (await pods()).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      const after = staying.filter((pod) => partOf(pod) === 'control').map(({ metadata }) => metadata.name);
      expect(after).toHaveLength(2);
      expect(after.filter((name) => before.has(name))).toEqual([]);
    },
    4 * MINUTE,
  );

  it(
    'leaves nothing but the artifacts and the namespace of the jobs when it is removed',
    async () => {
      await chart.uninstall();
      const kinds = 'deploy,pods,svc,sa,role,rolebinding,pdb,netpol,pvc,httproute,configmap';
      const left = await until(
        'empty namespace',
        async () => {
          const { items } = await chart.get<{ items: { kind: string; metadata: { name: string } }[] }>(kinds);
          const names = items.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
          const ours = names.filter((one) => !['ServiceAccount/default', 'ConfigMap/kube-root-ca.crt'].includes(one));
          return ours.some((one) => one.startsWith('Pod/')) ? null : ours;
        },
        60,
      );
      expect(left).toEqual(['PersistentVolumeClaim/acme-ratchet-artifacts']);
      await expect(chart.cluster.kubectl(['get', 'namespace', chart.jobsNamespace])).resolves.toContain('Active');
    },
    3 * MINUTE,
  );
});

/** As the tests of the whole program know it: the API at the control plane's Service, requests at the data plane's. */
async function appOver(chart: InstalledChart, dataPlane: string): Promise<WholeApp> {
  const control = await chart.serviceUrl('control');
  return {
    url: control,
    folder: '',
    databaseUrl: '',
    call: (method, path, body, token = TOKEN) =>
      call((path.startsWith('/v2/') ? dataPlane : control) + path, method, body, token),
    upload: (bytes) => chart.upload(bytes),
    close: () => Promise.resolve(),
  };
}

const answeredBy = async (app: WholeApp, model: string): Promise<Set<unknown>> => {
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(app, model, n % 4)));
  return new Set(answers.map(({ status, body }) => (status === 200 ? body['model_version'] : status)));
};

/** A twin of the model goes the whole way over real traffic and is approved; its digest. */
async function promote(
  app: WholeApp,
  model: string,
  producer: string,
  beforeApproval: () => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  await feed(app, model, 300);
  const twin = await app.upload(buildOnnx({ producer }));
  const submitted = await app.call('POST', `/api/v1/models/${model}/candidates`, { digest: twin });
  expect(submitted).toMatchObject({ status: 201, body: { id: `${model}-m1` } });
  const phase = async (kind: string, id: string) =>
    ((await app.call('GET', `/api/v1/${kind}/${id}`)).body['status'] as { phase?: string } | undefined)?.phase;
  const id = `${model}-m1`;
  await until(
    'promotion that waits',
    async () => {
      await answeredBy(app, model);
      return (await phase('promotions', `${id}-p`)) === 'AwaitingApproval' ? true : null;
    },
    80,
    async () => [
      (await app.call('GET', `/api/v1/candidates/${id}`)).body['status'],
      (await app.call('GET', `/api/v1/experiments/${id}-x`)).body['status'],
      (await app.call('GET', `/api/v1/rollouts/${id}-r`)).body['status'],
    ],
  );
  await beforeApproval();
  const approved = await app.call('POST', `/api/v1/promotions/${id}-p/approve`, { reason: 'said so' });
  expect(approved).toMatchObject({ status: 200, body: { status: { phase: 'Promoted' } } });
  return twin;
}
