import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { setLogLevel } from '../src/platform/observability/index.js';
import { jsonPointer, type StoredObject } from '../src/platform/kubernetes/index.js';
import { ClusterRoutes } from '../src/rollouts/adapters/kubernetes/cluster-routes.js';
import { KServeRouter } from '../src/rollouts/adapters/kubernetes/kserve-router.js';
import { ANNOTATION, type TrafficOrder } from '../src/rollouts/index.js';
import { CANDIDATE, CHAMPION } from '../src/rollouts/testing/index.js';
import { describeWithKubernetes } from './support/kube.js';
import { anOrder, openRouteBench, type RouteBench } from './support/route-bench.js';

const URI = 's3://models/{sha256}';
const uri = (digest: string): string => URI.replace('{sha256}', digest.slice('sha256:'.length));
const MODE = 'serving.kserve.io/deploymentMode';

interface Traffic {
  readonly revisionName: string;
  readonly percent: number;
  readonly latestRevision: boolean;
}

let bench: RouteBench;

describeWithKubernetes('KServe on a real API server', () => {
  beforeAll(async () => {
    setLogLevel('silent');
    bench = await openRouteBench('kserve', 'kserve');
  }, 120_000);
  afterAll(() => bench.close());

  const router = (template: string | undefined = URI) =>
    new KServeRouter(new ClusterRoutes(bench.connection), bench.clock, template);
  const order = (name: string, over: Partial<TrafficOrder> = {}) =>
    anOrder(bench.namespace, {}, { target: { kind: 'kserve', namespace: bench.namespace, name }, ...over });
  const services = () => bench.of('kserve');
  const create = (name: string, annotations: Record<string, string>, predictor: object = {}) =>
    services().create({
      ...{ apiVersion: 'serving.kserve.io/v1beta1', kind: 'InferenceService', metadata: { name, annotations } },
      spec: { predictor: { model: { modelFormat: { name: 'onnx' }, storageUri: uri(CHAMPION) }, ...predictor } },
    });
  /** What KServe's controller would write. */
  async function say(
    name: string,
    created: string,
    rolledOut: string,
    traffic: readonly Traffic[],
    ready = created,
  ): Promise<void> {
    const predictor = {
      ...{ latestCreatedRevision: created, latestReadyRevision: ready, latestRolledoutRevision: rolledOut },
      traffic: traffic.filter(({ percent }) => percent > 0 || traffic.length > 1),
    };
    const status = { deploymentMode: 'Knative', components: { predictor } };
    await services().patch(name, [{ op: 'add', path: '/status', value: status }], 'status');
  }
  const predictorOf = async (name: string) =>
    (
      (await services().get(name)) as StoredObject & {
        spec: { predictor: { canaryTrafficPercent?: number; model: { storageUri: string } } };
      }
    ).spec.predictor;
  const split = (stable: string, candidate: string, percent: number): Traffic[] => [
    { revisionName: candidate, percent, latestRevision: true },
    { revisionName: stable, percent: 100 - percent, latestRevision: false },
  ];
  const alone = (revision: string): Traffic[] => [{ revisionName: revision, percent: 100, latestRevision: true }];

  it('in Knative mode goes from canary to promotion, and counts only what KServe reports', async () => {
    await create('promoted', { [MODE]: 'Serverless' });
    const [routes, asked] = [router(), order('promoted')];
    await routes.setWeight(asked, 10, bench.inSeconds(60));
    expect(await predictorOf('promoted')).not.toHaveProperty('canaryTrafficPercent'); // KServe has said nothing yet
    expect(await routes.observe(asked)).toMatchObject({
      weight: 0,
      reason: expect.stringMatching(/not rolled out any revision/),
    });
    await say('promoted', 'rev-1', 'rev-1', alone('rev-1'));
    await routes.observe(asked);
    await routes.setWeight(asked, 10, bench.inSeconds(60));
    expect(await predictorOf('promoted')).toMatchObject({
      canaryTrafficPercent: 10,
      model: { storageUri: uri(CANDIDATE) },
    });
    expect(await routes.observe(asked)).toMatchObject({
      weight: null,
      reason: expect.stringMatching(/not made a revision/),
    });
    await say('promoted', 'rev-2', 'rev-1', alone('rev-1'), 'rev-1');
    expect(await routes.observe(asked)).toMatchObject({
      weight: null,
      reason: expect.stringMatching(/rev-2 is not ready/),
    });
    await say('promoted', 'rev-2', 'rev-1', split('rev-1', 'rev-2', 10));
    expect(await routes.observe(asked)).toEqual({ weight: 10, reason: null, lapsed: false });
    await routes.setWeight(asked, 50, bench.inSeconds(60));
    expect(await routes.observe(asked)).toMatchObject({ weight: 10 });
    await say('promoted', 'rev-2', 'rev-1', split('rev-1', 'rev-2', 50));
    expect(await routes.observe(asked)).toMatchObject({ weight: 50 });
    expect(await routes.settle(asked)).toBe(false);
    expect(await predictorOf('promoted')).not.toHaveProperty('canaryTrafficPercent');
    await say('promoted', 'rev-2', 'rev-1', alone('rev-2'));
    expect(await routes.settle(asked)).toBe(false); // rolled out is what KServe calls so
    await say('promoted', 'rev-2', 'rev-2', alone('rev-2'));
    expect(await routes.settle(asked)).toBe(true);
    expect(Object.keys((await services().get('promoted')).metadata.annotations!)).toEqual([MODE]);
  });

  it('takes a canary back by 0, also twice, and begins the next one only when the last is over for KServe too', async () => {
    await create('back', { [MODE]: 'Knative' });
    await say('back', 'rev-1', 'rev-1', alone('rev-1'));
    const [routes, asked] = [router(), order('back')];
    await routes.setWeight(asked, 10, bench.inSeconds(60));
    await say('back', 'rev-2', 'rev-1', split('rev-1', 'rev-2', 10));
    for (let time = 0; time < 2; time++) await routes.giveBack(asked);
    expect(await predictorOf('back')).toMatchObject({ canaryTrafficPercent: 0 });
    const next = order('back', { rollout: 'digits-t2-c1-r', candidate: `sha256:${'c'.repeat(64)}` });
    await routes.setWeight(next, 10, bench.inSeconds(60));
    expect(await predictorOf('back')).toMatchObject({ canaryTrafficPercent: 0, model: { storageUri: uri(CANDIDATE) } });
    expect(await routes.observe(next)).toMatchObject({
      reason: expect.stringMatching(/not finished its last rollout/),
    });
    await say('back', 'rev-2', 'rev-1', split('rev-1', 'rev-2', 0));
    await routes.observe(next);
    await routes.setWeight(next, 10, bench.inSeconds(60));
    expect(await predictorOf('back')).toMatchObject({
      canaryTrafficPercent: 10,
      model: { storageUri: uri(`sha256:${'c'.repeat(64)}`) },
    });
    // The refused candidate's revision must not be taken for the new one, and no third may get traffic.
    expect(await routes.observe(next)).toMatchObject({
      weight: null,
      reason: expect.stringMatching(/not made a revision/),
    });
    await say('back', 'rev-3', 'rev-1', [...split('rev-2', 'rev-3', 10)]);
    expect(await routes.observe(next)).toMatchObject({
      weight: null,
      reason: expect.stringMatching(/90 % to rev-2, which is neither/),
    });
    await say('back', 'rev-3', 'rev-1', split('rev-1', 'rev-3', 10));
    expect(await routes.observe(next)).toMatchObject({ weight: 10 });
  });

  it.each([
    ['standard', { [MODE]: 'Standard' }, {}, /ignores canaryTrafficPercent unless.*its mode is Standard.*http-route/],
    ['raw', { [MODE]: 'RawDeployment' }, {}, /its mode is Standard/],
    ['mesh', { [MODE]: 'ModelMesh' }, {}, /its mode is ModelMesh/],
    ['silent', {}, {}, /names no serving.kserve.io\/deploymentMode, and KServe's default is Standard/],
  ] as const)('fails closed where the field would be ignored: %s', async (name, annotations, predictor, reason) => {
    const before = await create(name, annotations, predictor);
    const routes = router();
    await routes.setWeight(order(name), 10, bench.inSeconds(60));
    expect(await routes.observe(order(name))).toMatchObject({
      weight: 0,
      refused: true,
      reason: expect.stringMatching(reason),
    });
    await routes.giveBack(order(name));
    expect((await services().get(name)).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  });

  it('refuses where it does not know the place of the bytes, or what KServe would refuse', async () => {
    await create('rules', { [MODE]: 'Knative' }, { minReplicas: 3, maxReplicas: 2 });
    await say('rules', 'rev-1', 'rev-1', alone('rev-1'));
    const asked = order('rules');
    const nowhere = router('');
    expect(
      await new KServeRouter(new ClusterRoutes(bench.connection), bench.clock, undefined).observe(asked),
    ).toMatchObject({
      refused: true,
      reason: expect.stringMatching(/RATCHET_ROLLOUTS_KSERVE_STORAGE_URI/),
    });
    const routes = router();
    await routes.setWeight(asked, 10, bench.inSeconds(60));
    expect(await routes.observe(asked)).toMatchObject({
      refused: true,
      reason: expect.stringMatching(/minReplicas cannot be greater/),
    });
    await nowhere.giveBack(asked);
    const replicas = jsonPointer('spec', 'predictor', 'maxReplicas');
    await services().patch('rules', [{ op: 'replace', path: replicas, value: 4 }]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    await routes.setWeight(asked, 10, bench.inSeconds(60));
    expect(await predictorOf('rules')).toMatchObject({ canaryTrafficPercent: 10 });
    await services().patch('rules', [
      { op: 'replace', path: jsonPointer('spec', 'predictor', 'model', 'storageUri'), value: 's3://other' },
    ]);
    await routes.observe(asked);
    await routes.setWeight(asked, 20, bench.inSeconds(60));
    expect(await routes.observe(asked)).toMatchObject({
      refused: true,
      reason: expect.stringMatching(/Somebody changed the storageUri/),
    });
  });
});

describeWithKubernetes('VirtualServices on a real API server', () => {
  beforeAll(async () => {
    setLogLevel('silent');
    bench = await openRouteBench('istio', 'istio');
  }, 120_000);
  afterAll(() => bench.close());

  const destination = (subset: string, weight: number) => ({ destination: { host: 'digits', subset }, weight });
  const order = (name: string, route: string | null = null) =>
    anOrder(
      bench.namespace,
      {},
      {
        target: {
          ...{ kind: 'istio', namespace: bench.namespace, name, route, servedBy: 'others' },
          stable: { host: `digits.${bench.namespace}.svc.cluster.local`, subset: 'stable' },
          candidate: { host: 'digits', subset: 'candidate' },
        },
      },
    );
  const create = (name: string, http: readonly object[]) =>
    bench.of('istio').create({
      ...{ apiVersion: 'networking.istio.io/v1', kind: 'VirtualService', metadata: { name } },
      spec: { hosts: ['digits'], http },
    });
  const http = async (name: string) =>
    ((await bench.of('istio').get(name)) as StoredObject & { spec: { http: { route: { weight: number }[] }[] } }).spec
      .http;

  it('keep the sum of 100 and every other route byte for byte', async () => {
    const other = {
      name: 'other',
      match: [{ uri: { prefix: '/x' } }],
      route: [destination('stable', 30), destination('third', 70)],
    };
    const ours = {
      name: 'ours',
      retries: { attempts: 2 },
      route: [destination('stable', 80), destination('candidate', 0), destination('third', 20)],
    };
    await create('kept', [other, ours]);
    const router = bench.router();
    const asked = order('kept', 'ours');
    for (const weight of [5, 25, 50]) {
      await router.setWeight(asked, weight, bench.inSeconds(60));
      const [first, second] = await http('kept');
      expect(first).toEqual(other);
      const candidate = (80 * weight) / 100;
      expect(second!.route.map((each) => each.weight)).toEqual([80 - candidate, candidate, 20]);
      expect(await router.observe(asked)).toMatchObject({
        weight,
        lapsed: false,
        reason: expect.stringMatching(/take 20 %/),
      });
    }
    await router.giveBack(asked, CHAMPION);
    expect(await http('kept')).toEqual([other, ours]);
    expect((await bench.of('istio').get('kept')).metadata.annotations ?? {}).not.toHaveProperty([ANNOTATION.rollout]);
  });

  it.each([
    ['uneven', [{ route: [destination('stable', 60), destination('candidate', 30)] }], /add up to 90 instead of 100/],
    [
      'several',
      [{ route: [destination('stable', 100), destination('candidate', 0)] }, { route: [destination('third', 100)] }],
      /several HTTP routes; name the one/,
    ],
    ['alone', [{ route: [destination('stable', 100)] }], /lacks the destination digits#candidate/],
  ] as const)('refuse what cannot be done and say why: %s', async (name, routes, reason) => {
    await create(name, routes);
    const router = bench.router();
    await router.setWeight(order(name), 10, bench.inSeconds(60));
    expect(await router.observe(order(name))).toMatchObject({ refused: true, reason: expect.stringMatching(reason) });
    expect(await http(name)).toEqual(routes);
  });
});
