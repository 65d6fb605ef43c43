import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aRoute, digestOf } from '../testing/builders.js';
import { chooseArm, effectiveWeight, mirrors, versionOf, versionsOf } from './split.js';

const now = new Date('2026-01-01T00:00:00Z');
const [stable, candidate, mirror] = [digestOf('stable'), digestOf('candidate'), digestOf('mirror')];
const split = (weight: number, salt = 'salt') => aRoute({ stable, candidate, weight, salt });
const keys = Array.from({ length: 50_000 }, (_, i) => `user-${i}`);

describe('chooseArm', () => {
  it('gives the same key the same arm, and a higher weight only moves keys to the candidate', () => {
    const weight = fc.double({ min: 0, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.string(), fc.string(), weight, weight, (key, salt, a, b) => {
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        const before = chooseArm(split(low, salt), key, now);
        expect(chooseArm(split(low, salt), key, now)).toBe(before);
        if (before === 'candidate') expect(chooseArm(split(high, salt), key, now)).toBe('candidate');
      }),
    );
  });

  it.each([1, 5, 10, 25, 50, 99])('gives the candidate %d %% of the keys', (weight) => {
    const share = keys.filter((key) => chooseArm(split(weight), key, now) === 'candidate').length / keys.length;
    const sigma = Math.sqrt(((weight / 100) * (1 - weight / 100)) / keys.length);
    expect(Math.abs(share - weight / 100)).toBeLessThan(4 * sigma);
  });

  it('assigns anew, independently, when the salt changes', () => {
    const first = keys.filter((key) => chooseArm(split(50, 'first'), key, now) === 'candidate');
    const again = first.filter((key) => chooseArm(split(50, 'second'), key, now) === 'candidate');
    expect(Math.abs(again.length / first.length - 0.5)).toBeLessThan(0.015);
  });

  it.each([
    ['weight 0', aRoute({ candidate, weight: 0 }), 'stable'],
    ['no candidate', aRoute({ candidate: null, weight: 100 }), 'stable'],
    ['weight 100', aRoute({ candidate, weight: 100 }), 'candidate'],
    ['a lease that holds', aRoute({ candidate, weight: 100, confirmBy: new Date(now.getTime() + 1) }), 'candidate'],
    ['a lease at its last moment', aRoute({ candidate, weight: 100, confirmBy: now }), 'candidate'],
    ['a lease that has run out', aRoute({ candidate, weight: 100, confirmBy: new Date(now.getTime() - 1) }), 'stable'],
  ])('with %s', (_, route, arm) => {
    expect(new Set(keys.slice(0, 1000).map((key) => chooseArm(route, key, now)))).toEqual(new Set([arm]));
    expect(effectiveWeight(route, now)).toBe(arm === 'stable' ? 0 : 100);
  });
});

describe('mirrors', () => {
  it('copies the stated share, independently of the arm', () => {
    const route = aRoute({ candidate, weight: 50, mirror, mirrorFraction: 0.3 });
    for (const arm of ['stable', 'candidate']) {
      const ofArm = keys.filter((key) => chooseArm(route, key, now) === arm);
      const share = ofArm.filter((key) => mirrors(route, key)).length / ofArm.length;
      expect(Math.abs(share - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / ofArm.length));
    }
  });

  it.each([
    ['nothing without a mirror', aRoute({ mirror: null, mirrorFraction: 1 }), false],
    ['nothing at fraction 0', aRoute({ mirror, mirrorFraction: 0 }), false],
    ['everything at fraction 1', aRoute({ mirror, mirrorFraction: 1 }), true],
  ])('copies %s', (_, route, expected) => {
    expect(new Set(keys.slice(0, 1000).map((key) => mirrors(route, key)))).toEqual(new Set([expected]));
  });
});

describe('versions of a route', () => {
  it('names the version of each arm', () => {
    expect([versionOf(split(5), 'stable'), versionOf(split(5), 'candidate')]).toEqual([stable, candidate]);
    expect(versionOf(aRoute({ stable }), 'candidate')).toBe(stable);
  });

  it('lists what must be loaded, each once', () => {
    expect(versionsOf(aRoute({ stable, candidate, mirror: candidate }))).toEqual({
      serving: [stable, candidate],
      mirror: candidate,
    });
    expect(versionsOf(aRoute({ stable, candidate: stable }))).toEqual({ serving: [stable], mirror: null });
  });
});
