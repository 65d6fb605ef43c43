import { beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../kernel/testing/index.js';
import { RouteSync, type SyncObserver } from './route-sync.js';
import { RouteTable } from './route-table.js';
import {
  aModel,
  aRoute,
  digestOf,
  FakeEngine,
  FakeGatewayRegister,
  FakeRouteStore,
  FakeServedModels,
} from './testing/index.js';

const [stable, candidate, next] = [digestOf('stable'), digestOf('candidate'), digestOf('next')];

class RecordingObserver implements SyncObserver {
  readonly events: string[] = [];
  swapped = (model: string): unknown => this.events.push(`swapped ${model}`);
  versionFailed = (model: string): unknown => this.events.push(`version failed ${model}`);
  storeAway = (): unknown => this.events.push('store away');
  storeBack = (): unknown => this.events.push('store back');
}

let routes: FakeRouteStore;
let serving: FakeEngine;
let background: FakeEngine;
let register: FakeGatewayRegister;
let table: RouteTable;
let clock: FakeClock;
let observer: RecordingObserver;
let models: FakeServedModels;
let sync: RouteSync;

beforeEach(() => {
  routes = new FakeRouteStore();
  [serving, background] = [new FakeEngine(), new FakeEngine()];
  register = new FakeGatewayRegister();
  table = new RouteTable();
  clock = new FakeClock();
  observer = new RecordingObserver();
  models = new FakeServedModels(aModel());
  sync = new RouteSync({
    instance: 'gw',
    arm: 'split',
    routes,
    models,
    register,
    serving,
    background,
    table,
    clock,
    observer,
  });
});

const inForce = () => table.find('digits');
const reported = () => register.epochs.get('gw')?.get('digits');

it('loads what the route names, then puts it in force, then reports its epoch', async () => {
  await routes.state(aRoute({ stable, candidate, weight: 5, mirror: next, mirrorFraction: 1 }));
  await sync.pass();
  expect([...serving.loaded]).toEqual([stable, candidate]);
  expect([...background.loaded]).toEqual([next]);
  expect(inForce()).toMatchObject({ epoch: 1, route: { stable, candidate, weight: 5 } });
  expect([reported(), await sync.ready()]).toEqual([1, '1 models served']);
});

it('keeps the old route in force until everything of the new one is loaded', async () => {
  await routes.state(aRoute({ stable }));
  await sync.pass();
  let loaded = (): void => undefined;
  const load = serving.load.bind(serving);
  serving.load = async (version) => {
    if (version.digest === next) await new Promise<void>((resolve) => (loaded = resolve));
    await load(version);
  };
  await routes.state(aRoute({ stable: next }));
  const pass = sync.pass();
  await new Promise((resolve) => setImmediate(resolve));
  expect([inForce()?.route.stable, serving.loaded.has(stable)]).toEqual([stable, true]);
  loaded();
  await pass;
  expect([inForce()?.route.stable, serving.loaded.has(stable), reported()]).toEqual([next, false, 2]);
});

it('takes over a longer lease without a new epoch and without loading', async () => {
  await routes.state(aRoute({ stable, candidate, weight: 5, confirmBy: new Date(1000) }));
  await sync.pass();
  serving.load = () => Promise.reject(new Error('nothing to load'));
  await routes.state(aRoute({ stable, candidate, weight: 5, confirmBy: new Date(2000) }));
  await sync.pass();
  expect(inForce()).toMatchObject({ epoch: 1, route: { confirmBy: new Date(2000), weight: 5 } });
});

it('does nothing, says nothing and reports nothing while nothing changes', async () => {
  await routes.state(aRoute({ stable }));
  for (let i = 0; i < 5; i += 1) await sync.pass();
  expect(observer.events).toEqual(['swapped digits']);
  expect(register.reports).toBe(1);
  await sync.report(); // the heartbeat
  expect(register.reports).toBe(2);
});

describe('a version that does not load', () => {
  it('as stable leaves in force what is in force, and is tried again, but not at once', async () => {
    await routes.state(aRoute({ stable }));
    await sync.pass();
    serving.unloadable.add(next);
    await routes.state(aRoute({ stable: next }));
    for (let i = 0; i < 5; i += 1) await sync.pass();
    expect([inForce()?.route.stable, reported()]).toEqual([stable, 1]);
    expect(observer.events).toEqual(['swapped digits', 'version failed digits']);
    serving.unloadable.clear();
    await sync.pass();
    expect(inForce()?.route.stable).toBe(stable);
    clock.advance(2000);
    await sync.pass();
    expect([inForce()?.route.stable, reported()]).toEqual([next, 2]);
  });

  it('as the first stable one makes the gateway say that it is not ready', async () => {
    serving.unloadable.add(stable);
    await routes.state(aRoute({ stable }));
    await expect(sync.ready()).rejects.toThrow('not read yet');
    await sync.pass();
    await expect(sync.ready()).rejects.toThrow('not loaded: digits');
    expect(reported()).toBe(0);
  });

  it.each([
    ['candidate', () => serving, { candidate: null, weight: 0 }],
    ['mirror', () => background, { mirror: null, candidate, weight: 5 }],
  ])('as %s is left out, and no epoch is claimed', async (_, engine, expected) => {
    engine().unloadable.add(engine() === serving ? candidate : next);
    await routes.state(aRoute({ stable, candidate, weight: 5, mirror: next, mirrorFraction: 1 }));
    await sync.pass();
    await sync.pass();
    expect(inForce()).toMatchObject({ epoch: 0, route: { stable, ...expected } });
    expect(observer.events.filter((event) => event === 'swapped digits')).toHaveLength(1);
    expect([reported(), await sync.ready()]).toEqual([0, '1 models served']);
  });
});

it('keeps the last known routes in force while the database is away, and says so once', async () => {
  await routes.state(aRoute({ stable }));
  await sync.pass();
  routes.away = true;
  for (let i = 0; i < 3; i += 1) await sync.pass();
  expect([inForce()?.route.stable, serving.loaded.has(stable)]).toEqual([stable, true]);
  routes.away = false;
  await sync.pass();
  expect(observer.events).toEqual(['swapped digits', 'store away', 'store back']);
});

it('serves several models, and one that cannot be loaded does not hold up another', async () => {
  await models.save(aModel('letters'));
  serving.unloadable.add(stable);
  await routes.state(aRoute({ stable }));
  await routes.state(aRoute({ model: 'letters', stable: next }));
  await sync.pass();
  expect([inForce(), table.find('letters')?.route.stable]).toEqual([null, next]);
  expect(register.epochs.get('gw')).toEqual(
    new Map([
      ['digits', 0],
      ['letters', 1],
    ]),
  );
});

it('takes its report back when it leaves', async () => {
  await routes.state(aRoute({ stable }));
  await sync.pass();
  await sync.leave();
  expect(register.epochs.size).toBe(0);
});
