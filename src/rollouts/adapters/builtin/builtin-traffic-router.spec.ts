import { beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../kernel/testing/index.js';
import { FakeGatewayStatus, FakeRouteStore } from '../../../serving/testing/index.js';
import { CANDIDATE, CHAMPION } from '../../testing/index.js';
import type { TrafficOrder } from '../../ports.js';
import { BuiltinTrafficRouter } from './builtin-traffic-router.js';

describe('BuiltinTrafficRouter', () => {
  const clock = new FakeClock();
  let routes: FakeRouteStore;
  let gateways: FakeGatewayStatus;
  let router: BuiltinTrafficRouter;
  const ORDER: TrafficOrder = {
    ...{ rollout: 'digits-t1-c1-r', model: 'digits', target: { kind: 'builtin' } },
    ...{ champion: CHAMPION, candidate: CANDIDATE, salt: 's' },
  };
  const give = (weight: number, seconds = 10) =>
    router.setWeight(ORDER, weight, new Date(clock.now().getTime() + seconds * 1000));
  const seen = async () => (await router.observe(ORDER)).weight;
  beforeEach(() => {
    routes = new FakeRouteStore();
    gateways = new FakeGatewayStatus();
    router = new BuiltinTrafficRouter(routes, gateways, clock);
  });

  it('sees nothing before a route exists or while no gateway is live', async () => {
    expect(await seen()).toBeNull();
    await give(10);
    expect(await seen()).toBeNull();
  });

  it('sees a weight only once every gateway has the route in force', async () => {
    await give(10);
    gateways.epochs.set('digits', 1);
    expect(await seen()).toBe(10);
    await give(50);
    expect(await seen()).toBeNull();
    gateways.epochs.set('digits', 2);
    expect(await seen()).toBe(50);
  });

  it('renews the lease without a new epoch, and sees 0 once it was not renewed', async () => {
    await give(10);
    gateways.epochs.set('digits', 1);
    clock.advance(9_000);
    await give(10);
    clock.advance(9_000);
    expect(await seen()).toBe(10);
    clock.advance(1_000);
    expect(await router.observe(ORDER)).toMatchObject({ weight: 0, lapsed: true });
  });

  it('gives everything back from any state, without asking the gateways', async () => {
    await router.giveBack(ORDER, CHAMPION);
    await give(50);
    await router.giveBack(ORDER, CHAMPION);
    expect(routes.routes.get('digits')).toMatchObject({
      stable: CHAMPION,
      candidate: null,
      weight: 0,
      confirmBy: null,
    });
  });
});
