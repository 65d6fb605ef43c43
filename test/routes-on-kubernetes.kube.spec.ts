import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { setLogLevel } from '../src/platform/observability/index.js';
import { ClusterConnection, jsonPointer } from '../src/platform/kubernetes/index.js';
import { ANNOTATION } from '../src/rollouts/index.js';
import { CANDIDATE, CHAMPION } from '../src/rollouts/testing/index.js';
import { describeWithKubernetes } from './support/kube.js';
import { anHttpRoute, anOrder, openRouteBench, ref, type RouteBench } from './support/route-bench.js';
import { type HttpRoute, namedBackend, sendMany, SplittingProxy } from './support/splitting-proxy.js';
import { until } from './support/until.js';

const MINUTE = 60_000;
const BOTH = [ref('stable'), ref('candidate', { weight: 0 })];

describeWithKubernetes('HTTPRoutes on a real API server', () => {
  let bench: RouteBench;
  const make = (name: string, rules: readonly object[], metadata: object = {}): Promise<HttpRoute> =>
    bench.of<HttpRoute>('http-route').create(anHttpRoute(name, rules, metadata));
  const read = (name: string): Promise<HttpRoute> => bench.of<HttpRoute>('http-route').get(name);
  const order = (target = {}, over = {}) => anOrder(bench.namespace, target, over);

  beforeAll(async () => {
    setLogLevel('silent');
    bench = await openRouteBench('routes', 'http-route');
  }, 2 * MINUTE);
  afterAll(async () => {
    await bench.close();
  });

  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  async function proxied(name: string): Promise<SplittingProxy> {
    const [stable, candidate] = [await namedBackend('stable'), await namedBackend('candidate')];
    const backends = new Map([
      ['stable', stable.url],
      ['candidate', candidate.url],
    ]);
    const proxy = await SplittingProxy.open(bench.connection, bench.namespace, name, backends);
    closing.push(() => proxy.close(), stable.close, candidate.close);
    return proxy;
  }

  it(
    'bring the traffic to each weight: 500 requests, 10 at once, within 5 %',
    async () => {
      await make('digits', [{ backendRefs: BOTH }]);
      const proxy = await proxied('digits');
      const router = bench.router();
      for (const weight of [10, 25, 50, 90]) {
        await router.setWeight(order(), weight, bench.inSeconds(60));
        await until(`${weight} % in force`, async () =>
          (await router.observe(order())).weight === weight ? true : null,
        );
        const answers = await sendMany(proxy.url, 500, 10);
        expect([...answers.keys()].sort()).toEqual(['candidate', 'stable']);
        expect(Math.abs(answers.get('candidate')! / 5 - weight)).toBeLessThanOrEqual(5);
      }
      await router.giveBack(order(), CHAMPION);
      await until('0 % in force', async () => ((await router.observe(order())).weight === 0 ? true : null));
      expect([...(await sendMany(proxy.url, 100, 10)).keys()]).toEqual(['stable']);
      expect(JSON.stringify((await read('digits')).metadata.annotations ?? {})).not.toContain('ratchet.dev');
    },
    2 * MINUTE,
  );

  it(
    'leave everything that is not ours byte for byte as it was through 20 changes of the weight',
    async () => {
      const filters = [
        { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-a', value: 'b/~c' }] } },
      ];
      const rules = [
        {
          name: 'other',
          matches: [{ path: { type: 'PathPrefix', value: '/other' } }],
          backendRefs: [ref('third'), ref('fourth', { weight: 7 })],
        },
        {
          name: 'ours',
          filters,
          backendRefs: [ref('stable', { weight: 1 }), ref('candidate', { weight: 0, filters })],
        },
        { matches: [{ headers: [{ name: 'x-arm', value: 'candidate' }] }], backendRefs: [ref('candidate')] },
      ];
      const before = await make('kept', rules, { labels: { team: 'a' }, annotations: { 'example.com/note': 'ours' } });
      const router = bench.router();
      const kept = order({ name: 'kept', rule: 'ours' });
      for (let weight = 1; weight <= 20; weight++) {
        await router.setWeight(kept, weight * 4, bench.inSeconds(60));
        const after = await read('kept');
        expect(weightsOf(after, 1)).toEqual([100 - weight * 4, weight * 4]);
        expect(unmanaged(after, 1)).toBe(unmanaged(before, 1));
      }
      await router.giveBack(kept, CHAMPION);
      expect(unmanaged(await read('kept'), 1)).toBe(unmanaged(before, 1));
      expect((await read('kept')).metadata.annotations).toEqual({ 'example.com/note': 'ours' });
    },
    2 * MINUTE,
  );

  it.each([
    ['no-candidate', { backendRefs: [ref('stable')] }, {}, /No rule of the route has both/, 0],
    ['no-stable', { backendRefs: [ref('candidate')] }, { rule: 0 }, /rule 0 lacks the backend stable/, null],
    ['no-rule', { name: 'a', backendRefs: BOTH }, { rule: 'b' }, /no rule "b"/, 0],
    ['twice', { backendRefs: [...BOTH, ref('candidate', { port: 81 })] }, {}, /candidate more than once/, null],
    [
      'beside',
      { backendRefs: [ref('stable', { weight: 2 }), ref('candidate', { weight: 1 }), ref('third')] },
      {},
      /no whole number.*multiply all weights of the rule by 100/,
      null,
    ],
  ] as const)('refuse what cannot be done and say why: %s', async (name, rule, target, reason, weight) => {
    const before = await make(name, [rule]);
    const router = bench.router();
    const asked = order({ name, ...target });
    await router.setWeight(asked, 10, bench.inSeconds(60));
    expect(await read(name)).toMatchObject({ metadata: { resourceVersion: before.metadata.resourceVersion } });
    const seen = await router.observe(asked);
    expect(seen).toMatchObject({ weight, refused: true, reason: expect.stringMatching(reason) });
    await router.giveBack(asked, CHAMPION);
  });

  it('keep the share of other backends of the rule, and say what the candidate gets of all', async () => {
    const three = [ref('stable', { weight: 100 }), ref('candidate', { weight: 0 }), ref('third', { weight: 100 })];
    await make('three', [{ backendRefs: three }]);
    const proxy = await proxied('three');
    const router = bench.router();
    const asked = order({ name: 'three' });
    await router.setWeight(asked, 10, bench.inSeconds(60));
    expect(weightsOf(await read('three'), 0)).toEqual([90, 10, 100]);
    const seen = await until('the proxy to follow', async () => {
      const sight = await router.observe(asked);
      return sight.weight === null ? null : sight;
    });
    expect(seen).toMatchObject({ weight: 10, reason: expect.stringMatching(/take 50 %.*candidate gets 5 % of all/) });
    proxy.speaks = false;
  });

  it('let one rollout have a route at a time, also when two ask at once', async () => {
    await make('contested', [{ backendRefs: BOTH }]);
    const orders = ['a', 'b'].map((rollout) => order({ name: 'contested' }, { rollout }));
    await Promise.all(orders.map((each) => bench.router().setWeight(each, 10, bench.inSeconds(60))));
    const winner = (await read('contested')).metadata.annotations![ANNOTATION.rollout];
    const loser = orders.find(({ rollout }) => rollout !== winner)!;
    expect(await bench.router().observe(loser)).toMatchObject({
      refused: true,
      reason: `The rollout ${winner} holds this route; two rollouts cannot share one.`,
    });
    await bench.router().giveBack(loser, CHAMPION);
    expect(weightsOf(await read('contested'), 0)).toEqual([90, 10]);
  });

  it('take over what others have changed meanwhile', async () => {
    await make('moved', [{ backendRefs: BOTH }]);
    const router = bench.router();
    const asked = order({ name: 'moved' });
    await router.setWeight(asked, 10, bench.inSeconds(60));
    await router.observe(asked); // what is read now is what the next change begins with
    const rules = jsonPointer('spec', 'rules');
    await bench.of('http-route').patch('moved', [
      { op: 'add', path: `${rules}/0`, value: { name: 'new', backendRefs: [ref('third')] } },
      { op: 'add', path: jsonPointer('metadata', 'annotations', ANNOTATION.epoch), value: '7' },
    ]);
    await router.setWeight(asked, 20, bench.inSeconds(60));
    const after = await read('moved');
    expect([weightsOf(after, 0), weightsOf(after, 1)]).toEqual([[1], [80, 20]]);
    expect(after.metadata.annotations).toMatchObject({ [ANNOTATION.epoch]: '8' });
  });

  it('count a weight only when every gateway has taken the present spec', async () => {
    const route = await make('awaited', [{ backendRefs: BOTH }]);
    const proxy = await proxied('awaited');
    proxy.speaks = false;
    const router = bench.router();
    const asked = order({ name: 'awaited' });
    const reason = async () => (await router.observe(asked)).reason;
    expect(await reason()).toMatch(/No gateway has said anything|has not seen/);
    await proxy.say(route);
    await router.setWeight(asked, 10, bench.inSeconds(60));
    expect(await router.observe(asked)).toMatchObject({ weight: null, reason: expect.stringMatching(/has not seen/) });
    await proxy.say(await read('awaited'), false);
    expect(await reason()).toMatch(/says Accepted=False \(NotAccepted\)/);
    await proxy.say(await read('awaited'), true, false);
    expect(await reason()).toMatch(/says ResolvedRefs=False/);
    await proxy.say(await read('awaited'));
    expect(await router.observe(asked)).toEqual({ weight: 10, reason: null, lapsed: false });
  });

  it('renew the lease without touching the spec, and not more often than it needs', async () => {
    await make('renewed', [{ backendRefs: BOTH }]);
    const router = bench.router();
    const asked = order({ name: 'renewed' });
    await router.setWeight(asked, 10, bench.inSeconds(60));
    const first = await read('renewed');
    for (let pass = 0; pass < 5; pass++) await router.setWeight(asked, 10, bench.inSeconds(60));
    expect((await read('renewed')).metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    await router.setWeight(asked, 10, bench.inSeconds(100));
    const renewed = await read('renewed');
    expect(renewed.metadata.generation).toBe(first.metadata.generation);
    expect(confirmBy(renewed) - confirmBy(first)).toBeGreaterThan(35_000);
  });

  it('say so when they are gone, and are given back all the same', async () => {
    const router = bench.router();
    const gone = order({ name: 'gone' });
    await router.setWeight(gone, 10, bench.inSeconds(60));
    expect(await router.observe(gone)).toEqual({
      ...{ weight: 0, lapsed: false, refused: true },
      reason: `There is no HTTPRoute ${bench.namespace}/gone.`,
    });
    await router.giveBack(gone, CHAMPION);
    expect(await router.settle(gone)).toBe(true);
  });

  it('cannot be seen while the API server is away, and are not called given back then', async () => {
    const away = new ClusterConnection({ kubeconfig: bench.cluster.kubeconfig, requestTimeoutMs: 500 });
    await away.close();
    const router = bench.router(away);
    await router.setWeight(order(), 10, bench.inSeconds(60));
    expect(await router.observe(order())).toMatchObject({ weight: null, lapsed: false, reason: expect.any(String) });
    await expect(router.giveBack(order(), CHAMPION)).rejects.toMatchObject({ retryable: true });
  });

  it('with gateways of ours rise only when those have the candidate, and settle when the stable ones have the champion', async () => {
    await make('pinned', [{ backendRefs: BOTH }]);
    await proxied('pinned');
    const { routes, gateways } = bench;
    const router = bench.router();
    const asked = order({ name: 'pinned', servedBy: 'gateways' });
    const weight = async (wanted: number) => {
      await router.setWeight(asked, wanted, bench.inSeconds(60));
      return weightsOf(await read('pinned'), 0)[1];
    };
    expect(await weight(10)).toBe(0);
    expect((await router.observe(asked)).reason).toMatch(/No live gateway is pinned to the candidate|No gateway has/);
    expect(await routes.find('digits')).toMatchObject({
      stable: CHAMPION,
      candidate: CANDIDATE,
      weight: 0,
      confirmBy: null,
    });
    gateways.candidates.set('digits', 0);
    gateways.epochs.set('digits', 0);
    expect(await weight(10)).toBe(0);
    gateways.candidates.set('digits', 1);
    gateways.epochs.set('digits', 1);
    expect(await weight(10)).toBe(10);
    gateways.candidates.delete('digits');
    expect(await weight(50)).toBe(10); // who is away gets no more than it has
    expect(await router.observe(asked)).toMatchObject({
      weight: null,
      reason: expect.stringMatching(/pinned|not seen/),
    });
    gateways.candidates.set('digits', 1);
    expect(await weight(50)).toBe(50);
    await routes.state({ ...(await routes.find('digits'))!, stable: CANDIDATE, candidate: null });
    expect(await router.settle(asked)).toBe(false); // the stable gateways still have the old champion
    expect(weightsOf(await read('pinned'), 0)).toEqual([50, 50]);
    gateways.epochs.set('digits', 2);
    expect(await router.settle(asked)).toBe(true);
    expect(weightsOf(await read('pinned'), 0)).toEqual([100, 0]);
    expect((await read('pinned')).metadata.annotations ?? {}).toEqual({});
  });

  it('with other servers keep the proven split after a promotion until their owner says that they serve the champion', async () => {
    await make('others', [{ backendRefs: BOTH }]);
    const router = bench.router();
    const asked = order({ name: 'others' });
    await router.setWeight(asked, 50, bench.inSeconds(60));
    expect(await router.settle(asked)).toBe(false);
    const waiting = await read('others');
    expect(weightsOf(waiting, 0)).toEqual([50, 50]);
    expect(waiting.metadata.annotations).toMatchObject({ [ANNOTATION.champion]: CANDIDATE });
    expect(waiting.metadata.annotations).not.toHaveProperty([ANNOTATION.confirmBy]);
    const path = jsonPointer('metadata', 'annotations', ANNOTATION.stableServes);
    await bench.of('http-route').patch('others', [{ op: 'add', path, value: CANDIDATE }]);
    await until('it to settle', async () => ((await router.settle(asked)) ? true : null));
    expect(weightsOf(await read('others'), 0)).toEqual([100, 0]);
  });

  beforeEach(() => {
    bench.routes.routes.clear();
    bench.gateways.epochs.clear();
    bench.gateways.candidates.clear();
  });
});

function weightsOf(route: HttpRoute, rule: number): number[] {
  return (route.spec.rules?.[rule]?.backendRefs ?? []).map(({ weight = 1 }) => weight);
}

/** Everything of a route but our two weights and our annotations, as text. */
function unmanaged(route: HttpRoute, rule: number): string {
  const rules = (route.spec.rules ?? []).map((each, index) =>
    index === rule ? { ...each, backendRefs: each.backendRefs?.map((backend) => ({ ...backend, weight: '*' })) } : each,
  );
  const annotations = Object.fromEntries(
    Object.entries(route.metadata.annotations ?? {}).filter(([name]) => !name.startsWith('ratchet.dev/')),
  );
  return JSON.stringify({ ...route.spec, rules, annotations, labels: route.metadata.labels ?? {} });
}

function confirmBy(route: HttpRoute): number {
  return Date.parse(route.metadata.annotations![ANNOTATION.confirmBy]!);
}
