import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { freePorts } from '../scripts/kafka/ports.mjs';
import { setLogLevel } from '../src/platform/observability/index.js';
import { jsonPointer } from '../src/platform/kubernetes/index.js';
import { ANNOTATION } from '../src/rollouts/index.js';
import { CHAMPION } from '../src/rollouts/testing/index.js';
import { describeWithKubernetes } from './support/kube.js';
import { anHttpRoute, anOrder, openRouteBench, ref, type RouteBench } from './support/route-bench.js';
import type { HttpRoute } from './support/splitting-proxy.js';
import { until } from './support/until.js';

const ROOT = join(import.meta.dirname, '..');
const BOTH = [ref('stable'), ref('candidate', { weight: 0 })];

interface Running {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly port: number;
}

describeWithKubernetes('the guardian, a program of its own', () => {
  let bench: RouteBench;
  const running: Running[] = [];
  beforeAll(async () => {
    setLogLevel('silent');
    bench = await openRouteBench('guardian', 'http-route', 'istio', 'kserve');
  }, 120_000);
  afterEach(async () => {
    await Promise.all(running.splice(0).map(stop));
  });
  afterAll(async () => {
    await bench.close();
  });

  async function start(environment: Record<string, string> = {}): Promise<Running> {
    const [port = 0] = await freePorts(1);
    const child = spawn(process.execPath, [join(ROOT, 'dist/guardian-main.js')], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        KUBECONFIG: bench.cluster.kubeconfig,
        RATCHET_GUARDIAN_NAMESPACES: bench.namespace,
        RATCHET_GUARDIAN_RESYNC_SECONDS: '2',
        RATCHET_GUARDIAN_PORT: String(port),
        ...environment,
      },
    });
    let text = '';
    child.stderr.on('data', (data: Buffer) => (text += String(data)));
    const one = { child, port, said: () => text };
    running.push(one);
    await until(
      'a ready guardian',
      async () => ((await get(port, '/readyz')).status === 200 ? true : null),
      60,
      () => text,
    );
    return one;
  }

  const order = (name: string) => anOrder(bench.namespace, { name });
  const read = (name: string): Promise<HttpRoute> => bench.of<HttpRoute>('http-route').get(name);
  const weights = async (name: string) => (await read(name)).spec.rules![0]!.backendRefs!.map(({ weight }) => weight);
  async function split(name: string, percent: number, seconds: number): Promise<Date> {
    await bench.of('http-route').create(anHttpRoute(name, [{ backendRefs: BOTH }]));
    const confirmBy = bench.inSeconds(seconds);
    await bench.router().setWeight(order(name), percent, confirmBy);
    expect(await weights(name)).toEqual([100 - percent, percent]);
    return confirmBy;
  }
  const reverted = (name: string, seconds: number) =>
    until(`${name} given back`, async () => ((await weights(name))[1] === 0 ? Date.now() : null), seconds);

  it('gives back what nobody confirms, not before its time and soon after, and says so; the rollout sees that it lapsed', async () => {
    const { port, said } = await start();
    const confirmBy = await split('lapses', 25, 4);
    const at = await reverted('lapses', 15);
    expect(at - confirmBy.getTime()).toBeGreaterThanOrEqual(0);
    expect(at - confirmBy.getTime()).toBeLessThan(5_000);
    expect(await bench.router().observe(order('lapses'))).toMatchObject({
      lapsed: true,
      reason: expect.stringMatching(/Nobody confirmed the weight in time: given back at 20/),
    });
    expect((await read('lapses')).metadata.annotations).not.toHaveProperty([ANNOTATION.confirmBy]);
    const lines = said()
      .split('\n')
      .filter((line) => line.includes('traffic given back'));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0]!)).toMatchObject({ rollout: 'digits-t1-c1-r', stable: 'stable' });
    expect((await get(port, '/metrics')).text).toContain('ratchet_guardian_reverts_total{kind="http-route"} 1');
    // A pass that has not noticed must not bring the candidate back; the end of the rollout clears the marks.
    await bench.router().setWeight(order('lapses'), 25, bench.inSeconds(60));
    expect(await weights('lapses')).toEqual([100, 0]);
    await bench.router().giveBack(order('lapses'), CHAMPION);
    expect((await read('lapses')).metadata.annotations ?? {}).toEqual({});
  }, 90_000);

  it('leaves a weight that is confirmed again and again, and routes that nobody of ours has touched', async () => {
    await start();
    await bench
      .of('http-route')
      .create(
        anHttpRoute('foreign', [{ backendRefs: [ref('stable', { weight: 1 }), ref('candidate', { weight: 3 })] }]),
      );
    await split('confirmed', 10, 3);
    const router = bench.router();
    for (let pass = 0; pass < 12; pass++) {
      await router.setWeight(order('confirmed'), 10, bench.inSeconds(3));
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect(await weights('confirmed')).toEqual([90, 10]);
    expect(await weights('foreign')).toEqual([1, 3]);
    await reverted('confirmed', 15);
  }, 90_000);

  it('is harmless in several copies: one gives back, the others see it done', async () => {
    const both = await Promise.all([start(), start()]);
    await split('twice', 50, 2);
    await reverted('twice', 15);
    const epoch = (await read('twice')).metadata.annotations![ANNOTATION.epoch];
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await read('twice')).metadata.annotations![ANNOTATION.epoch]).toBe(epoch);
    const lines = both.flatMap(({ said }) =>
      said()
        .split('\n')
        .filter((line) => line.includes('traffic given back')),
    );
    expect(lines).toHaveLength(1);
  }, 90_000);

  it('gives back VirtualServices, and InferenceServices in Knative mode by canaryTrafficPercent 0', async () => {
    await start({ RATCHET_GUARDIAN_KINDS: 'istio,kserve' });
    const lease = {
      [ANNOTATION.rollout]: 'r',
      [ANNOTATION.epoch]: '1',
      [ANNOTATION.confirmBy]: bench.inSeconds(1).toISOString(),
    };
    await bench.of('istio').create({
      ...{ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService' },
      metadata: {
        name: 'digits',
        annotations: { ...lease, [ANNOTATION.stable]: 'svc#stable', [ANNOTATION.candidate]: 'svc#candidate' },
      },
      spec: {
        hosts: ['svc'],
        http: [{ route: [destination('stable', 60), destination('candidate', 30), destination('third', 10)] }],
      },
    });
    await bench.of('kserve').create({
      ...{ apiVersion: 'serving.kserve.io/v1beta1', kind: 'InferenceService' },
      metadata: {
        name: 'digits',
        annotations: {
          ...lease,
          'serving.kserve.io/deploymentMode': 'Knative',
          [ANNOTATION.stable]: 'digits-predictor-00001',
          [ANNOTATION.candidate]: 'after:digits-predictor-00001',
        },
      },
      spec: {
        predictor: {
          canaryTrafficPercent: 30,
          model: { modelFormat: { name: 'onnx' }, storageUri: 's3://models/b' },
        },
      },
    });
    await until('both given back', async () => {
      const [service, inference] = await Promise.all([
        bench.of('istio').get('digits'),
        bench.of('kserve').get('digits'),
      ]);
      const done = [service, inference].every(
        (each) => each.metadata.annotations?.[ANNOTATION.revertedAt] !== undefined,
      );
      return done ? true : null;
    });
    expect(await bench.of('istio').get('digits')).toMatchObject({
      spec: { http: [{ route: [{ weight: 90 }, { weight: 0 }, { weight: 10 }] }] },
    });
    expect(await bench.of('kserve').get('digits')).toMatchObject({
      spec: { predictor: { canaryTrafficPercent: 0, model: { storageUri: 's3://models/b' } } },
    });
  }, 90_000);

  it('needs get, list and patch of routes and nothing else; without watch it is only slower', async () => {
    const { cluster, namespace } = bench;
    const rules = [
      { apiGroups: ['gateway.networking.k8s.io'], resources: ['httproutes'], verbs: ['get', 'list', 'patch'] },
    ];
    const of = (kind: string, more: object) =>
      JSON.stringify({ ...rbac(kind), metadata: { name: 'guardian', namespace }, ...more });
    for (const document of [
      JSON.stringify({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'guardian', namespace } }),
      of('Role', { rules }),
      of('RoleBinding', {
        subjects: [{ kind: 'ServiceAccount', name: 'guardian', namespace }],
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'guardian' },
      }),
    ])
      await cluster.kubectl(['apply', '-f', '-'], document);
    const as = ['--as', `system:serviceaccount:${namespace}:guardian`, '-n', namespace];
    for (const verb of ['create', 'delete', 'update', 'watch'])
      await expect(cluster.kubectl(['auth', 'can-i', verb, 'httproutes', ...as])).rejects.toThrow(/exit code 1/);
    const token = (await cluster.kubectl(['create', 'token', 'guardian', '-n', namespace])).trim();
    const admin = JSON.parse(await cluster.kubectl(['config', 'view', '--raw', '--minify', '-o', 'json'])) as {
      users: { name: string; user: object }[];
    };
    const limited = { ...admin, users: admin.users.map(({ name }) => ({ name, user: { token } })) };
    const folder = await mkdtemp(join(tmpdir(), 'ratchet-guardian-'));
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, JSON.stringify(limited));
    try {
      const { said } = await start({ KUBECONFIG: kubeconfig });
      await split('unwatched', 50, 2);
      await reverted('unwatched', 20);
      expect(said()).toContain('the cluster does not allow it');
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 90_000);

  it('says what it cannot give back and goes on with the rest', async () => {
    const { said, port } = await start();
    await split('broken', 50, 2);
    await bench
      .of('http-route')
      .patch('broken', [{ op: 'remove', path: jsonPointer('spec', 'rules', 0, 'backendRefs', 0) }]);
    await split('whole', 50, 2);
    await reverted('whole', 15);
    await until('a complaint', async () => (said().includes('traffic cannot be given back') ? true : null));
    expect(
      said()
        .split('\n')
        .filter((line) => line.includes('cannot be given back')),
    ).toHaveLength(1);
    expect((await get(port, '/metrics')).text).toMatch(
      /ratchet_guardian_failures_total\{kind="http-route",cause="refused"\} [1-9]/,
    );
    expect((await get(port, '/healthz')).status).toBe(200);
    await bench.of('http-route').delete('broken');
  }, 90_000);

  it('explains itself, refuses what it does not know, and ends at SIGTERM', async () => {
    const help = await once(runOnce(['--help']), 'exit');
    expect(help[0]).toBe(0);
    const unknown = await once(runOnce(['--fast']), 'exit');
    expect(unknown[0]).toBe(2);
    const wrong = runOnce([], { RATCHET_GUARDIAN_KINDS: 'ingress', RATCHET_GUARDIAN_RESYNC_SECOND: '5' });
    let complaint = '';
    wrong.stderr!.on('data', (data: Buffer) => (complaint += String(data)));
    expect((await once(wrong, 'close'))[0]).toBe(1);
    expect(complaint).toMatch(
      /RATCHET_GUARDIAN_KINDS.*RATCHET_GUARDIAN_RESYNC_SECOND|RATCHET_GUARDIAN_RESYNC_SECOND.*RATCHET_GUARDIAN_KINDS/,
    );
    const { child } = await start();
    child.kill('SIGTERM');
    expect((await once(child, 'exit'))[0]).toBe(0);
  }, 90_000);
});

function runOnce(args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [join(ROOT, 'dist/guardian-main.js'), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
}

async function stop({ child }: Running): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function get(port: number, path: string): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  } catch {
    return { status: 0, text: '' };
  }
}

function rbac(kind: string): object {
  return { apiVersion: 'rbac.authorization.k8s.io/v1', kind };
}

function destination(subset: string, weight: number): object {
  return { destination: { host: 'svc', subset }, weight };
}
