import { beforeAll, beforeEach, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ImmediateUnitOfWork, RecordingFactBus, RecordingWorkQueue } from '../kernel/testing/index.js';
import { ChampionChanged, ChampionHistory, type ChampionPeriod, ModelApplied } from '../models/index.js';
import { setLogLevel } from '../platform/observability/index.js';
import { defaultRoute } from './domain/default-route.js';
import { RouteReconciler } from './route.reconciler.js';
import { aRoute, digestOf, FakeRouteStore } from './testing/index.js';

const versions = ['a', 'b', 'c'].map(digestOf);

class FakeHistory extends ChampionHistory {
  champion: ChampionPeriod | null = null;
  async current(): Promise<ChampionPeriod | null> {
    return this.champion;
  }
  async servingAt(): Promise<null> {
    return null;
  }
  async list(): Promise<ChampionPeriod[]> {
    return [];
  }
  async begin({
    model,
    champion,
    reference,
    promotion,
    profile,
    at,
  }: Parameters<ChampionHistory['begin']>[0]): Promise<void> {
    this.champion = { model, champion, reference, promotion, profile, from: at, until: null };
  }
  async serve(champion = versions[0]!): Promise<void> {
    const profile = { accuracy: null, labelled: 0, agreement: null, compared: 0, referenceAccuracy: null };
    await this.begin({ model: 'digits', champion, reference: versions[0]!, promotion: null, profile, at: new Date(0) });
  }
}

let routes: FakeRouteStore;
let history: FakeHistory;
let queue: RecordingWorkQueue;
let facts: RecordingFactBus;
let reconciler: RouteReconciler;

beforeAll(() => setLogLevel('silent'));

beforeEach(() => {
  routes = new FakeRouteStore();
  history = new FakeHistory();
  queue = new RecordingWorkQueue();
  facts = new RecordingFactBus(new ImmediateUnitOfWork());
  reconciler = new RouteReconciler(routes, history, queue, facts);
});

it('is woken by a model and by a champion', async () => {
  const unitOfWork = new ImmediateUnitOfWork();
  facts = new RecordingFactBus(unitOfWork);
  new RouteReconciler(routes, history, queue, facts).onModuleInit();
  await unitOfWork.run('test.work', async () => {
    await facts.publish(ModelApplied, { model: 'digits' });
    await facts.publish(ChampionChanged, {
      model: 'letters',
      champion: versions[0]!,
      reference: versions[0]!,
      promotion: null,
    });
  });
  await facts.deliver();
  expect(queue.enqueued.map(({ kind, key }) => [kind, key])).toEqual([
    ['route', 'digits'],
    ['route', 'letters'],
  ]);
});

it('waits for a champion', async () => {
  await reconciler.reconcile('digits');
  expect(routes.routes.size).toBe(0);
});

it('makes the first route', async () => {
  await history.serve();
  await reconciler.reconcile('digits');
  expect(await routes.find('digits')).toEqual({ ...defaultRoute('digits', versions[0]!), epoch: 1 });
});

it('changes nothing when the promotion stated the route already', async () => {
  await history.serve(versions[1]);
  const stated = await routes.state(aRoute({ stable: versions[1]! }));
  await reconciler.reconcile('digits');
  expect(await routes.find('digits')).toEqual(stated);
});

it('ends with the champion as stable version, whatever happened before, and is then at rest', async () => {
  const step = fc.constantFrom(
    ...versions.map((version) => () => history.serve(version)),
    ...versions.map(
      (version) => () =>
        routes.state(aRoute({ stable: version, candidate: versions[2]!, weight: 5 })).then(() => undefined),
    ),
    () => reconciler.reconcile('digits').then(() => undefined),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      await history.serve();
      for (const each of steps) await each();
      await reconciler.reconcile('digits');
      const rest = await routes.find('digits');
      expect(rest?.stable).toBe(history.champion?.champion);
      await reconciler.reconcile('digits');
      expect(await routes.find('digits')).toEqual(rest);
    }),
  );
});
