import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { seededRandom } from '../../../kernel/index.js';
import { binaryDetector } from '../e-detector.js';
import { adwin, adwinMean, type AdwinState } from './adwin.js';
import { boundedMeanDetector } from './bounded-mean.js';
import { type Detector, fold } from './detector.js';
import { pageHinkley } from './page-hinkley.js';

/** Every detector with what its observations are made of; small thresholds, so that alarms come and go. */
const KINDS: readonly [string, Detector<unknown, unknown>, fc.Arbitrary<unknown>][] = [
  kind(
    binaryDetector(0.1, 50),
    fc.boolean().map((bad) => ({ bad, at: 0 })),
  ),
  kind(
    boundedMeanDetector(0.3, 50),
    fc.double({ min: 0, max: 1, noNaN: true }).map((value) => ({ value, at: 0 })),
  ),
  kind(adwin({ delta: 0.2, clock: 4 }), fc.double({ min: -1e3, max: 1e3, noNaN: true })),
  kind(pageHinkley({ threshold: 3, minimumSamples: 5 }), fc.double({ min: -1e3, max: 1e3, noNaN: true })),
];

function kind<State, Observation>(
  detector: Detector<State, Observation>,
  observation: fc.Arbitrary<Observation>,
): [string, Detector<unknown, unknown>, fc.Arbitrary<unknown>] {
  return [detector.name, detector, observation];
}

describe.each(KINDS)('%s', (_, detector, observation) => {
  const stream = fc.array(observation, { maxLength: 400 });

  it('goes on bit for bit where a restart cuts the stream', () => {
    fc.assert(
      fc.property(stream, fc.nat(400), (observations, cut) => {
        const whole = detector.observeAll(detector.start(), observations);
        const first = detector.observeAll(detector.start(), observations.slice(0, cut));
        const copy: unknown = JSON.parse(JSON.stringify(first));
        expect(copy).toEqual(first);
        expect(JSON.stringify(detector.observeAll(copy, observations.slice(cut)))).toBe(JSON.stringify(whole));
      }),
    );
  });

  it('is the same one by one and in batches, and leaves the state it is given alone', () => {
    fc.assert(
      fc.property(stream, (observations) => {
        const start = detector.start();
        const before = JSON.stringify(start);
        const whole = detector.observeAll(start, observations);
        expect(fold(detector, start, observations)).toEqual(whole);
        expect(JSON.stringify(start)).toBe(before);
        expect(Number.isFinite(detector.score(whole))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('has not seen anything at the start', () => {
    expect(detector.alarmed(detector.start())).toBe(false);
    expect(detector.score(detector.start())).toBe(0);
  });
});

interface River {
  readonly cases: readonly {
    readonly seed: number;
    readonly parts: readonly (readonly [number, number, number])[];
    readonly detector: 'adwin' | 'page-hinkley';
    readonly options: Record<string, number>;
    readonly alarms: readonly number[];
    readonly width?: number;
    readonly mean?: number;
    readonly deviation?: number;
  }[];
}

describe("River's own output on the same streams", () => {
  const river = JSON.parse(readFileSync(new URL('./fixtures/river.json', import.meta.url), 'utf8')) as River;

  it.each(river.cases.map((one) => [`${one.detector} ${JSON.stringify(one.options)}, stream ${one.seed}`, one]))(
    'is what %s says',
    (_, one) => {
      if (typeof one === 'string') throw new Error('a case is no name');
      const values = streamOf(one);
      if (one.detector === 'page-hinkley') {
        const { min_instances: minimumSamples, ...rest } = one.options;
        const detector = pageHinkley({ ...rest, ...(minimumSamples === undefined ? {} : { minimumSamples }) });
        expect(alarmsOf(detector, values).alarms).toEqual(one.alarms);
        return;
      }
      const { alarms, state } = alarmsOf<AdwinState>(adwin(one.options), values);
      expect(alarms).toEqual(one.alarms);
      expect(state.width).toBe(one.width);
      expect(adwinMean(state)).toBeCloseTo(one.mean!, 9);
      expect(state.deviation).toBeCloseTo(one.deviation!, 6);
    },
  );
});

/** The streams that `bench/detectors/river_side.py golden` makes: errors of a rate, or sums of uniform values with a shift. */
function streamOf({ seed, parts }: River['cases'][number]): number[] {
  const random = seededRandom(seed);
  return parts.flatMap(([length, rate, shift]) =>
    Array.from({ length }, () => {
      const first = random();
      if (rate >= 0) return first < rate ? 1 : 0;
      return shift + first + random() - random();
    }),
  );
}

function alarmsOf<State>(detector: Detector<State, number>, values: readonly number[]) {
  const alarms: number[] = [];
  let state = detector.start();
  values.forEach((value, i) => {
    state = detector.observe(state, value);
    if (detector.alarmed(state)) alarms.push(i);
  });
  return { alarms, state };
}
