import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { HTTP_ROUTE, partOfIndex, serviceText } from './http-route.js';
import { ANNOTATION, readLease } from './lease.js';
import type { PatchOperation, RoutePlan } from './patch.js';
import { planAwaitServers, planRelease, planRevert, planWeight, seeRoute } from './weighted-route.js';

const T0 = new Date('2026-01-01T00:00:00.000Z');
const at = (seconds: number): Date => new Date(T0.getTime() + seconds * 1_000);
const TARGET = { stable: 'stable', candidate: 'candidate', part: null };

interface Made {
  metadata: {
    name: string;
    namespace: string;
    generation: number;
    resourceVersion: string;
    annotations?: Record<string, string>;
  };
  spec: { rules: { name?: string; backendRefs: Record<string, unknown>[] }[] };
  status?: object;
}

function aRoute(backendRefs: Record<string, unknown>[], annotations?: Record<string, string>): Made {
  return {
    metadata: {
      ...{ name: 'r', namespace: 'n', generation: 3, resourceVersion: '9' },
      ...(annotations && { annotations }),
    },
    spec: { rules: [{ backendRefs }] },
    status: { parents: [parent(3)] },
  };
}
function parent(observedGeneration: number, accepted = 'True', resolved = 'True'): object {
  const conditions = [
    { type: 'Accepted', status: accepted, observedGeneration },
    { type: 'ResolvedRefs', status: resolved, reason: 'BackendNotFound', message: 'no Service', observedGeneration },
  ];
  return { parentRef: { name: 'gw' }, conditions };
}
const both = (candidate = 0) => [
  { name: 'stable', weight: 100 - candidate },
  { name: 'candidate', weight: candidate },
];
const wanted = (percent: number, now = T0, rollout = 'r1') => ({
  rollout,
  percent,
  confirmBy: new Date(now.getTime() + 60_000),
  now,
});
const plan = (route: Made, percent: number, now = T0) => planWeight(HTTP_ROUTE, route, TARGET, wanted(percent, now));

/** RFC 6902 as the API server applies it, on a copy. @throws when a test does not hold */
function apply<Object extends object>(object: Object, made: RoutePlan): Object {
  if (made.kind !== 'patch') return object;
  const copy = structuredClone(object);
  for (const operation of made.operations) step(copy, operation);
  return copy;
}
function step(root: object, operation: PatchOperation): void {
  const keys = operation.path
    .slice(1)
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = keys.pop()!;
  let here = root as Record<string, unknown>;
  for (const key of keys) here = here[key] as Record<string, unknown>;
  if (operation.op === 'test') expect(here[last]).toEqual(operation.value);
  else if (operation.op === 'remove') Reflect.deleteProperty(here, last);
  else here[last] = operation.value;
}

describe('a route with weights', () => {
  it('gets the weight and the whole lease in one change that fits only what was read', () => {
    const after = apply(aRoute(both()), plan(aRoute(both()), 10));
    expect(after.spec.rules[0]!.backendRefs.map((each) => each['weight'])).toEqual([90, 10]);
    expect(after.metadata.annotations).toEqual({
      [ANNOTATION.rollout]: 'r1',
      [ANNOTATION.epoch]: '1',
      [ANNOTATION.stable]: 'stable',
      [ANNOTATION.candidate]: 'candidate',
      [ANNOTATION.confirmBy]: at(60).toISOString(),
    });
    const first = plan(aRoute(both()), 10);
    expect(
      first.kind === 'patch' && first.operations.filter(({ op }) => op === 'test').map(({ path }) => path),
    ).toEqual(['/spec/rules/0/backendRefs/0', '/spec/rules/0/backendRefs/1', '/metadata/resourceVersion']);
    expect(() => apply(aRoute(both(1)), first)).toThrow(); // somebody else was faster
  });

  it('needs nothing when it is so already, and a renewal only when a third of the lease is over', () => {
    const after = apply(aRoute(both()), plan(aRoute(both()), 10));
    expect(plan(after, 10, at(15)).kind).toBe('nothing');
    const renewal = plan(after, 10, at(25));
    expect(
      renewal.kind === 'patch' &&
        renewal.operations.filter(({ op, path }) => op !== 'test' && path.startsWith('/spec')),
    ).toEqual([]);
    expect(readLease(apply(after, renewal))).toMatchObject({ epoch: 2, confirmBy: at(85) });
  });

  it('is given back from any state, repeatedly, with no mark of ours left', () => {
    const states = fc.record({
      percent: fc.integer({ min: 0, max: 100 }),
      marks: fc.subarray(Object.values(ANNOTATION)),
      drop: fc.constantFrom('none', 'stable', 'candidate', 'annotations'),
    });
    fc.assert(
      fc.property(states, ({ percent, marks, drop }) => {
        const refs = both(percent).filter(({ name }) => name !== drop);
        const notes = { 'example.com/kept': 'yes', ...Object.fromEntries(marks.map((name) => [name, '5'])) };
        const route = drop === 'annotations' ? aRoute(refs) : aRoute(refs, { ...notes, [ANNOTATION.rollout]: 'r1' });
        const once = apply(route, planRelease(HTTP_ROUTE, route, TARGET, 'r1'));
        const left = Object.keys(once.metadata.annotations ?? {}).filter(
          (name) => name.startsWith('ratchet.dev/') && name !== ANNOTATION.stableServes,
        );
        expect(left).toEqual([]);
        if (drop === 'none' || drop === 'annotations') expect(seeRoute(HTTP_ROUTE, once, TARGET, 'r1').weight).toBe(0);
        expect(planRelease(HTTP_ROUTE, once, TARGET, 'r1').kind).toBe('nothing');
      }),
    );
  });

  it('is reverted by its annotations alone, only after its time, once, and then seen as lapsed', () => {
    const route = apply(aRoute(both()), plan(aRoute(both()), 50));
    expect(planRevert(HTTP_ROUTE, route, at(59)).kind).toBe('nothing');
    const reverted = apply(route, planRevert(HTTP_ROUTE, route, at(61)));
    expect(reverted.spec.rules[0]!.backendRefs.map((each) => each['weight'])).toEqual([100, 0]);
    expect(planRevert(HTTP_ROUTE, reverted, at(999)).kind).toBe('nothing');
    expect(seeRoute(HTTP_ROUTE, reverted, TARGET, 'r1')).toMatchObject({ weight: 0, lapsed: true });
    expect(plan(reverted, 50, at(62)).kind).toBe('nothing'); // no pass brings it back
    const confirmed = apply(route, plan(route, 50, at(50)));
    const late = planRevert(HTTP_ROUTE, route, at(61));
    expect(() => apply(confirmed, late)).toThrow(); // a lease that was renewed meanwhile
  });

  it('that lapsed may be taken by the next rollout, and the one before has nothing to give back then', () => {
    const route = apply(aRoute(both()), plan(aRoute(both()), 50));
    const reverted = apply(route, planRevert(HTTP_ROUTE, route, at(61)));
    const next = apply(reverted, planWeight(HTTP_ROUTE, reverted, TARGET, wanted(10, at(70), 'r2')));
    expect(readLease(next)).toMatchObject({ rollout: 'r2', revertedAt: null });
    expect(planRelease(HTTP_ROUTE, next, TARGET, 'r1').kind).toBe('nothing');
    expect(seeRoute(HTTP_ROUTE, next, TARGET, 'r1')).toMatchObject({ weight: 0, refused: true });
  });

  it('with other servers waits for their owner after a promotion, without an end', () => {
    const route = apply(aRoute(both()), plan(aRoute(both()), 50));
    const promoted = { rollout: 'r1', champion: 'sha256:b' };
    const waiting = apply(route, planAwaitServers(HTTP_ROUTE, route, TARGET, promoted));
    expect(readLease(waiting)).toMatchObject({ rollout: 'r1', confirmBy: null });
    expect(planRevert(HTTP_ROUTE, waiting, at(9_999)).kind).toBe('nothing');
    expect(planAwaitServers(HTTP_ROUTE, waiting, TARGET, promoted).kind).toBe('nothing');
    waiting.metadata.annotations![ANNOTATION.stableServes] = 'sha256:b';
    const settled = apply(waiting, planAwaitServers(HTTP_ROUTE, waiting, TARGET, promoted));
    expect(seeRoute(HTTP_ROUTE, settled, TARGET, 'r1')).toMatchObject({ weight: 0 });
  });

  it('whose weights add up with those of others never takes from them, over any sequence of weights', () => {
    const others = [
      { name: 'third', weight: 300, port: 1 },
      { name: 'candidate', namespace: 'elsewhere', weight: 9 },
    ];
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 100 }), { maxLength: 20 }), (percents) => {
        let route = aRoute([{ name: 'stable', weight: 100 }, { name: 'candidate', weight: 0 }, ...others]);
        percents.forEach((percent, pass) => {
          route = apply(route, plan(route, percent, at(pass)));
          expect(route.spec.rules[0]!.backendRefs.slice(2)).toEqual(others);
          expect(seeRoute(HTTP_ROUTE, route, TARGET, 'r1').weight).toBe(percent);
        });
      }),
    );
  });
});

describe('an HTTPRoute', () => {
  it.each([
    ['a weight that is not written counts as 1', [{ name: 'stable' }, { name: 'candidate' }], { weight: 50 }],
    [
      'a port is looked at when it is named',
      [
        { name: 'stable', port: 1 },
        { name: 'candidate', port: 2 },
      ],
      { weight: 50 },
    ],
    [
      'another kind of backend is no Service',
      [{ name: 'stable' }, { name: 'candidate', kind: 'InferencePool', group: 'x' }],
      { refused: true, weight: 0 },
    ],
    [
      'a Service of another namespace is another one',
      [{ name: 'stable' }, { name: 'candidate', namespace: 'o' }],
      { refused: true, weight: 0 },
    ],
    ['a single backend gets everything', [{ name: 'candidate', weight: 1 }], { refused: true, weight: null }],
  ])('%s', (_, refs, sight) => {
    expect(seeRoute(HTTP_ROUTE, aRoute(refs), TARGET, 'r1')).toMatchObject(sight);
  });

  it.each([
    ['no word', {}, /No gateway has said anything/],
    ['another generation', { parents: [parent(2)] }, /not seen the route's present spec/],
    ['not accepted', { parents: [parent(3, 'False')] }, /gw says Accepted=False/],
    ['not resolved', { parents: [parent(3, 'True', 'False')] }, /ResolvedRefs=False \(BackendNotFound: no Service\)/],
    ['one of two gateways behind', { parents: [parent(3), parent(2)] }, /not seen/],
  ])('is not in force with %s', (_, status, reason) => {
    const sight = seeRoute(HTTP_ROUTE, { ...aRoute(both(10)), status }, TARGET, 'r1');
    expect(sight).toMatchObject({ weight: null, lapsed: false });
    expect(sight.reason).toMatch(reason);
  });

  it('is changed only in the rule that is meant, by name or by index', () => {
    const route = aRoute(both());
    route.spec.rules = [{ name: 'a', backendRefs: both() }, { backendRefs: both() }];
    const changed = (part: string) =>
      apply(route, planWeight(HTTP_ROUTE, route, { ...TARGET, part }, wanted(10))).spec.rules.map(
        ({ backendRefs }) => backendRefs[1]!['weight'],
      );
    expect([changed('a'), changed(partOfIndex(1))]).toEqual([
      [10, 0],
      [0, 10],
    ]);
    expect(planWeight(HTTP_ROUTE, route, { ...TARGET, part: 'b' }, wanted(10))).toMatchObject({
      kind: 'refused',
      reason: 'The route has no rule "b".',
    });
    expect(serviceText({ name: 'a', port: 80 })).toBe('a:80');
  });

  it('takes hostile content for what it is: nothing', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const value: unknown = JSON.parse(text);
        for (const object of [
          value,
          { spec: value },
          { spec: { rules: value } },
          { metadata: { annotations: value } },
        ]) {
          expect(plan(object as Made, 10).kind).toBe('refused');
          expect(planRevert(HTTP_ROUTE, object, T0).kind).not.toBe('patch');
          expect(seeRoute(HTTP_ROUTE, object, TARGET, 'r1').weight).toBe(0);
        }
      }),
    );
  });
});
