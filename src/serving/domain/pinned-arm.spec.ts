import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aRoute, digestOf } from '../testing/index.js';
import { NoCandidateServed } from './errors.js';
import { armFor, type GatewayArm } from './pinned-arm.js';
import { chooseArm } from './split.js';

const NOW = new Date('2026-01-01T00:00:00.000Z');
const never = { candidateGoneAt: null, lingerMs: 30_000 };
const goneSince = (ms: number) => ({ candidateGoneAt: new Date(NOW.getTime() - ms), lingerMs: 30_000 });
const candidate = digestOf('candidate');

describe('a gateway that is pinned to an arm', () => {
  it.each<[string, GatewayArm, object, typeof never | ReturnType<typeof goneSince>, string]>([
    ['stable answers with the stable version at any weight', 'stable', { candidate, weight: 100 }, never, 'stable'],
    ['candidate answers with the candidate at weight 0', 'candidate', { candidate, weight: 0 }, never, 'candidate'],
    [
      'candidate takes no notice of a lease that ran out',
      'candidate',
      { candidate, confirmBy: new Date(0) },
      never,
      'candidate',
    ],
    ['a candidate that was just taken out is stood in for', 'candidate', {}, goneSince(30_000), 'stable'],
  ])('%s', (_, pin, route, linger, arm) => {
    expect(armFor(pin, aRoute(route), 'key', NOW, linger)).toBe(arm);
  });

  it.each([
    ['there never was one', never],
    ['it was taken out too long ago', goneSince(30_001)],
  ])('refuses without a candidate: %s', (_, linger) => {
    expect(() => armFor('candidate', aRoute(), 'key', NOW, linger)).toThrow(NoCandidateServed);
  });

  it('is the exception: without a pin the route decides', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 100 }), (key, weight) => {
        const route = aRoute({ candidate, weight });
        return armFor('split', route, key, NOW, never) === chooseArm(route, key, NOW);
      }),
    );
  });
});
