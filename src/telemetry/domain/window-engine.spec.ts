import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { aModel, admitted, anEvent, digestOf, T0, VIEW } from '../testing/index.js';
import { type AdmittedEvent, admit, type ModelView, viewOf } from './admit.js';
import { binOf, type FeatureProfile, growProfile, PROFILE_VALUES, quantileEdges } from './feature-profile.js';
import { LatencySketch, latencyQuantile, mergeLatencies } from './latency-sketch.js';
import { mergeWindows } from './merge-windows.js';
import { ModelShape } from './model-shape.js';
import { nameOfProfile, settleWaiting } from './settle-waiting.js';
import { Tally } from './tally.js';
import type { Window } from './window.js';

const fixed = new Map<string, FeatureProfile>([
  ['mean', { edges: [0.5, 1, 2], pending: [] }],
  ['std', { edges: [0], pending: [] }],
]);
const eventArbitrary: fc.Arbitrary<AdmittedEvent> = fc
  .record({
    n: fc.nat(1000),
    latencyMs: fc.double({ min: 0, max: 1e5, noNaN: true }),
    prediction: fc.nat(2),
    mean: fc.double({ min: -5, max: 5, noNaN: true }),
    confidence: fc.option(fc.double({ min: 0, max: 1, noNaN: true })),
    failed: fc.boolean(),
    millisecond: fc.nat(9999),
  })
  .map(({ n, mean, failed, millisecond, prediction, ...rest }) =>
    admitted(
      anEvent(n, {
        ...rest,
        features: { mean },
        at: new Date(T0.getTime() + millisecond),
        prediction: failed ? null : prediction,
        error: failed ? 'timeout' : null,
      }),
    ),
  );

/** What a batch adds, and the profiles that it changed. */
function summariseBatch(
  view: ModelView,
  events: readonly AdmittedEvent[],
  profiles: ReadonlyMap<string, FeatureProfile>,
): { readonly windows: readonly Window[]; readonly profiles: ReadonlyMap<string, FeatureProfile> } {
  const tally = new Tally();
  const shape = new ModelShape(view);
  for (const admitted of events) tally.add(admitted, shape);
  const known = new Map(
    [...profiles].map(([feature, profile]) => [nameOfProfile({ model: view.name, feature }), profile]),
  );
  const settled = settleWaiting(tally, known).filter(({ changed }) => changed);
  const windows = [...(tally.models.get(view.name)?.windows.values() ?? [])].map((window) => window.toWindow());
  return { windows, profiles: new Map(settled.map(({ feature, profile }) => [feature, profile])) };
}
const windowOf = (events: readonly AdmittedEvent[]): Window => summariseBatch(VIEW, events, fixed).windows[0] as Window;
const batches = fc.array(eventArbitrary, { minLength: 1, maxLength: 40 });

describe('the window engine', () => {
  it('makes the same window whatever the batches and their order', () => {
    fc.assert(
      fc.property(batches, batches, batches, (a, b, c) => {
        const whole = windowOf([...a, ...b, ...c]);
        const left = mergeWindows(mergeWindows(windowOf(a), windowOf(b)), windowOf(c));
        const right = mergeWindows(windowOf(c), mergeWindows(windowOf(b), windowOf(a)));
        expect(sorted(left)).toEqual(sorted(whole));
        expect(sorted(right)).toEqual(sorted(whole));
      }),
      { numRuns: 200 },
    );
  });

  it('keeps a window bounded, however many events it sums up', () => {
    const many = Array.from({ length: 20_000 }, (_, i) =>
      admitted(anEvent(i % 10, { latencyMs: 10 ** ((i % 1100) / 100 - 3), features: { mean: i, std: -i } })),
    );
    const window = windowOf(many);
    expect(window.requests).toBe(20_000);
    expect(window.latency.length).toBeLessThan(5000);
    expect(JSON.stringify({ ...window, latency: 0 }).length).toBeLessThan(2000);
  });

  it('counts errors, classes and confidence, each in its place', () => {
    const failed = admitted(anEvent(1, { error: 'timeout', prediction: null, confidence: null }));
    const window = windowOf([admitted(anEvent(1, { confidence: 1 })), admitted(anEvent(2, { confidence: 0 })), failed]);
    expect(window).toMatchObject({
      requests: 3,
      errors: 1,
      predictions: { '1': 1, '2': 1 },
      newestAt: new Date(T0.getTime() + 2000),
    });
    expect(window.confidence).toEqual([1, ...Array<number>(18).fill(0), 1]);
  });

  it('holds values back until their bins are fixed, and then counts every one in its own window', () => {
    let profiles = new Map<string, FeatureProfile>();
    let counted = 0;
    for (let n = 0; n < 40; n += 1) {
      const events = Array.from({ length: 10 }, (_, i) => admitted(anEvent(n * 10 + i)));
      const { windows, profiles: changed } = summariseBatch(VIEW, events, profiles);
      profiles = new Map([...profiles, ...changed]);
      const inMean = windows.flatMap(({ features }) => features['mean']?.counts ?? []).reduce((a, b) => a + b, 0);
      if (n < 29) expect(inMean).toBe(0);
      else expect(inMean).toBe(n === 29 ? 300 : 10);
      counted += inMean;
    }
    expect(counted).toBe(400);
    expect(profiles.get('std')?.pending).toEqual([]);
  });

  it('bins the predictions of a regression model like a feature', () => {
    const view = { ...VIEW, classes: null };
    const events = Array.from({ length: 400 }, (_, i) => admitted(anEvent(0, { prediction: i * 1.5 }), T0, view));
    const { windows } = summariseBatch(view, events, new Map());
    const { predictions } = windows[0] as Window;
    expect(Object.keys(predictions)).toHaveLength(20);
    expect(Object.values(predictions).reduce((a, b) => a + b, 0)).toBe(400);
  });
});

describe('admit', () => {
  const now = new Date(T0.getTime() + 100_000);
  it.each([
    ['an unknown model', anEvent(1), null, 'there is no such model'],
    ['a class that does not exist', anEvent(1, { prediction: 3 }), VIEW, 'prediction 3 is not one of 3 classes'],
    ['half a class', anEvent(1, { prediction: 0.5 }), VIEW, 'is not one of 3 classes'],
    [
      'an input of another size',
      anEvent(1, { input: Float32Array.of(1) }),
      VIEW,
      'input has 1 numbers; the model takes 4',
    ],
    ['what nobody remembers', anEvent(1, { at: new Date(T0.getTime() - 81_000) }), VIEW, 'at is more than 180 s ago'],
  ])('refuses %s', (_, event, view, detail) => {
    expect(admit(event, view, now)).toMatchObject({ bad: { detail: expect.stringContaining(detail) as unknown } });
  });

  it('lets late events into their own window and says that they are late', () => {
    const late = admitted(anEvent(7), now);
    expect(late).toMatchObject({ late: true, future: false, windowStart: T0 });
    expect(admitted(anEvent(97), now)).toMatchObject({ late: false });
  });

  it('sets a time after ours to ours', () => {
    const future = admitted(anEvent(500), now);
    expect(future).toMatchObject({ late: false, future: true, windowStart: now });
    expect(future.event.at).toEqual(now);
  });

  it('keeps answers for the label wait and the longest experiment', () => {
    expect(viewOf(aModel('m', { labelWaitSeconds: 30 })).keepSeconds).toBe(150);
  });
});

describe('feature profile', () => {
  it('fixes its bins once, from the first 300 values, whatever comes after', () => {
    const value = (n: number): { value: number; version: typeof VERSION; start: number; seconds: number } => ({
      value: n,
      version: VERSION,
      start: 0,
      seconds: 10,
    });
    const VERSION = digestOf('a');
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 170 }), { minLength: 8, maxLength: 8 }), (sizes) => {
        let profile: FeatureProfile = { edges: null, pending: [] };
        let n = 0;
        let out = 0;
        for (const size of sizes) {
          const grown = growProfile(
            profile,
            Array.from({ length: size }, () => value(n++ % 97)),
          );
          expect(profile.edges === null || grown.profile === profile).toBe(true);
          profile = grown.profile;
          out += grown.released.length;
          expect(profile.pending.length).toBeLessThan(PROFILE_VALUES);
        }
        expect(out + profile.pending.length).toBe(n);
        if (profile.edges !== null)
          expect(profile.edges).toEqual(quantileEdges(Array.from({ length: 300 }, (_, i) => i % 97)));
      }),
      { numRuns: 50 },
    );
  });

  it('gives equal shares, strictly ascending edges, and a bin of its own to what is constant', () => {
    const spread = quantileEdges(Array.from({ length: 300 }, (_, i) => i));
    expect(spread).toHaveLength(19);
    const constant = quantileEdges(Array<number>(300).fill(0));
    expect([-1, 0, 0.1].map((v) => binOf(constant, v))).toEqual([0, 1, 2]);
    fc.assert(
      fc.property(
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), {
          minLength: 300,
          maxLength: 300,
        }),
        (values) => {
          const edges = quantileEdges(values);
          expect(edges.length).toBeLessThanOrEqual(19);
          expect(edges.every((edge, i) => i === 0 || edge > (edges[i - 1] ?? 0))).toBe(true);
        },
      ),
    );
  });
});

describe('LatencySketch', () => {
  it('is within one percent of the true quantile, merged or not', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-3, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 200 }),
        fc.nat(100),
        (values, percent) => {
          const parts = [0, 1].map((half) => {
            const sketch = new LatencySketch();
            values.filter((_, i) => i % 2 === half).forEach((value) => sketch.add(value));
            return { latency: sketch.toBytes() };
          });
          const rank = Math.floor((percent / 100) * (values.length - 1));
          const truth = [...values].sort((a, b) => a - b)[rank] ?? 0;
          const got = latencyQuantile(parts, percent / 100) ?? 0;
          expect(Math.abs(got - truth) / truth).toBeLessThanOrEqual(0.010_001);
          expect(mergeLatencies(parts).count).toBe(values.length);
        },
      ),
    );
  });

  it('knows nothing of an empty window, and refuses bytes that are no sketch', () => {
    expect(latencyQuantile([], 0.95)).toBeNull();
    expect(
      latencyQuantile([{ latency: new Uint8Array() }, { latency: new LatencySketch().toBytes() }], 0.95),
    ).toBeNull();
    for (const bytes of [[9], [1, 3], [1, 200], [1, 255, 255, 255, 1, 1]]) {
      expect(() => new LatencySketch().addBytes(Uint8Array.from(bytes))).toThrow(RangeError);
    }
  });
});

/** Comparable: records in the order of their names, sums of numbers without the last digits, which depend on the order. */
function sorted(window: Window): object {
  const entries = (record: object): [string, unknown][] => Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1));
  const moments = entries(window.moments).map(([name, value]) => {
    const { mean, m2, ...exact } = value as Window['moments'][string];
    return [name, exact, Number(mean.toFixed(9)) + 0, Number(m2.toFixed(9)) + 0];
  });
  return { ...window, moments, features: entries(window.features), predictions: entries(window.predictions) };
}
