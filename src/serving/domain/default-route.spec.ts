import { describe, expect, it } from '@jest/globals';
import { aRoute, digestOf } from '../testing/builders.js';
import { defaultRoute, routeForChampion } from './default-route.js';

const [first, second, candidate] = [digestOf('first'), digestOf('second'), digestOf('candidate')];

describe('routeForChampion', () => {
  it('makes the first route: everything to the champion', () => {
    expect(routeForChampion('digits', first, null)).toEqual(defaultRoute('digits', first));
    expect(defaultRoute('digits', first)).toMatchObject({
      stable: first,
      candidate: null,
      weight: 0,
      mirror: null,
      confirmBy: null,
    });
  });

  it('takes candidate, weight and mirror away when the champion changed', () => {
    const before = aRoute({ stable: first, candidate, weight: 50, mirror: candidate, mirrorFraction: 1 });
    expect(routeForChampion('digits', second, before)).toEqual(defaultRoute('digits', second));
  });

  it("leaves a route of the champion alone, with an experiment's mirror and a rollout's weight on it", () => {
    const busy = aRoute({
      stable: first,
      candidate,
      weight: 5,
      mirror: candidate,
      mirrorFraction: 1,
      confirmBy: new Date(1),
    });
    expect(routeForChampion('digits', first, busy)).toBeNull();
  });
});
