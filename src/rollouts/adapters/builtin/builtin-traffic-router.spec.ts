import { beforeEach, describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../kernel/testing/index.js';
import { FakeGatewayStatus, FakeRouteStore } from '../../../serving/testing/index.js';
import { CANDIDATE, CHAMPION } from '../../testing/index.js';
import { BuiltinTrafficRouter } from './builtin-traffic-router.js';

describe('BuiltinTrafficRouter', () => {
  const clock = new FakeClock();
  let routes: FakeRouteStore;
  let gateways: FakeGatewayStatus;
  let router: BuiltinTrafficRouter;
  const split = (weight: number, seconds = 10) => ({
    ...{ champion: CHAMPION, candidate: CANDIDATE, weight, salt: 's' },
    confirmBy: new Date(clock.now().getTime() + seconds * 1000),
  });
  beforeEach(() => {
    routes = new FakeRouteStore();
    gateways = new FakeGatewayStatus();
    router = new BuiltinTrafficRouter(routes, gateways, clock);
  });

  it('sees nothing before a route exists or while no gateway is live', async () => {
    expect(await router.actualWeight('digits', CANDIDATE)).toBeNull();
    await router.setWeight('digits', split(10));
    expect(await router.actualWeight('digits', CANDIDATE)).toBeNull();
  });

  it('sees a weight only once every gateway has the route in force', async () => {
    await router.setWeight('digits', split(10));
    gateways.epochs.set('digits', 1);
    expect(await router.actualWeight('digits', CANDIDATE)).toBe(10);
    await router.setWeight('digits', split(50));
    expect(await router.actualWeight('digits', CANDIDATE)).toBeNull();
    gateways.epochs.set('digits', 2);
    expect(await router.actualWeight('digits', CANDIDATE)).toBe(50);
  });

  it('renews the lease without a new epoch, and sees 0 once it was not renewed', async () => {
    await router.setWeight('digits', split(10));
    gateways.epochs.set('digits', 1);
    clock.advance(9_000);
    await router.setWeight('digits', split(10));
    clock.advance(9_000);
    expect(await router.actualWeight('digits', CANDIDATE)).toBe(10);
    clock.advance(1_000);
    expect(await router.actualWeight('digits', CANDIDATE)).toBe(0);
  });

  it('gives everything back from any state, without asking the gateways', async () => {
    await router.giveBack('digits', CHAMPION);
    await router.setWeight('digits', split(50));
    await router.giveBack('digits', CHAMPION);
    expect(routes.routes.get('digits')).toMatchObject({
      stable: CHAMPION,
      candidate: null,
      weight: 0,
      confirmBy: null,
    });
  });
});
