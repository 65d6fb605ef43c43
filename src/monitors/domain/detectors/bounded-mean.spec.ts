import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../../kernel/index.js';
import { boundedMeanUpperBound } from '../rate-bounds.js';
import {
  type BoundedMeanState,
  type BoundedObservation,
  boundedMeanScore,
  newBoundedMean,
  observeBoundedMean,
} from './bounded-mean.js';
import { changePoint } from './mixture.js';

type World = (random: () => number) => number;

/** Values around a mean with different spreads: 0/1, even over a range, and hardly any. */
const coin =
  (mean: number): World =>
  (random) =>
    random() < mean ? 1 : 0;
const even =
  (mean: number): World =>
  (random) =>
    2 * mean * random();
const narrow =
  (mean: number): World =>
  (random) =>
    mean * (0.9 + 0.2 * random());

function stream(seed: number, parts: readonly (readonly [number, World])[]): BoundedObservation[] {
  const random = seededRandom(seed);
  const all: BoundedObservation[] = [];
  for (const [length, world] of parts)
    for (let i = 0; i < length; i += 1) all.push({ value: world(random), at: all.length * 1_000 });
  return all;
}

function firstAlarm(m0: number, threshold: number, observations: readonly BoundedObservation[]): BoundedMeanState {
  let state = newBoundedMean(m0, threshold);
  for (let from = 0; from < observations.length && state.alarm === null; from += 250)
    state = observeBoundedMean(state, observations.slice(from, from + 250));
  return state;
}

describe('bounded-mean e-detector', () => {
  it.each([
    ['0/1', coin],
    ['even', even],
    ['narrow', narrow],
  ])('keeps its promise on 300 stable streams of %s values at exactly m0', (_, world) => {
    let alarms = 0;
    for (let seed = 1; seed <= 300; seed += 1)
      if (firstAlarm(0.2, 5_000, stream(seed, [[500, world(0.2)]])).alarm !== null) alarms += 1;
    expect(alarms / 300).toBeLessThanOrEqual(500 / 5_000);
  });

  it('keeps it as well when values depend on each other while each one’s expectation stays within m0', () => {
    let alarms = 0;
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = seededRandom(seed);
      // The spread follows the last value: loud and quiet times, as real errors have; the mean is always 0.2.
      let last = 0;
      const observations = Array.from({ length: 500 }, (_, at) => {
        const reach = last > 0.2 ? 0.2 : 0.02;
        last = 0.2 + (random() < 0.5 ? -reach : reach);
        return { value: last, at };
      });
      if (firstAlarm(0.2, 5_000, observations).alarm !== null) alarms += 1;
    }
    expect(alarms / 300).toBeLessThanOrEqual(500 / 5_000);
  });

  it.each([
    ['errors 5 → 10 %', 0.05, coin(0.05), coin(0.1), 450, 150],
    ['an even spread, mean 0.1 → 0.13', 0.1, even(0.1), even(0.13), 350, 150],
    ['hardly any spread, mean 0.10 → 0.12', 0.1, narrow(0.1), narrow(0.12), 120, 300],
  ])('finds %s without a miss within its mean delay, and when it began', (_, m0, before, after, limit, place) => {
    const delays: number[] = [];
    const misplaced: number[] = [];
    for (let seed = 1; seed <= 60; seed += 1) {
      const state = firstAlarm(
        m0,
        200_000,
        stream(seed, [
          [1_000, before],
          [4_000, after],
        ]),
      );
      expect(state.alarm).not.toBeNull();
      if (state.alarm!.observation <= 1_000) continue;
      delays.push(state.alarm!.observation - 1_000);
      misplaced.push(Math.abs(changePoint(state).index - 1_000));
    }
    expect(delays.length).toBeGreaterThan(50);
    expect(delays.reduce((sum, delay) => sum + delay, 0) / delays.length).toBeLessThanOrEqual(limit);
    expect(misplaced.sort((a, b) => a - b)[Math.floor(misplaced.length / 2)]).toBeLessThan(place);
  });

  it('takes values outside [0, 1] as the nearer end and refuses what is no number', () => {
    const one = (value: number) => boundedMeanScore(observeBoundedMean(newBoundedMean(0.5, 100), [{ value, at: 0 }]));
    expect(one(7)).toBe(one(1));
    expect(one(-7)).toBe(one(0));
    expect(() => one(Number.NaN)).toThrow(RangeError);
  });

  it.each([[0], [1], [Number.NaN]])('refuses m0 = %p', (m0) => {
    expect(() => newBoundedMean(m0, 100)).toThrow(RangeError);
  });
});

describe('the upper bound of a mean', () => {
  it.each([
    ['0/1', coin(0.1), 0.1, 200],
    ['even', even(0.3), 0.3, 50],
    ['narrow', narrow(0.4), 0.4, 30],
  ])('misses the true mean of %s values at most as often as it says', (_, world, truth, samples) => {
    let missed = 0;
    for (let seed = 1; seed <= 1_000; seed += 1) {
      const values = stream(seed, [[samples, world]]).map(({ value }) => value);
      const mean = values.reduce((sum, value) => sum + value, 0) / samples;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / samples;
      if (boundedMeanUpperBound(mean, samples, 0.05, variance) < truth) missed += 1;
      if (boundedMeanUpperBound(mean, samples, 0.05) < truth) missed += 1;
    }
    expect(missed / 2_000).toBeLessThanOrEqual(0.05);
  });

  it('is nearer when the values hardly vary, 1 without samples, and never above 1', () => {
    expect(boundedMeanUpperBound(0.4, 500, 0.05, 0.0001)).toBeLessThan(boundedMeanUpperBound(0.4, 500, 0.05));
    expect(boundedMeanUpperBound(0.4, 0, 0.05)).toBe(1);
    expect(boundedMeanUpperBound(1, 10, 0.05)).toBe(1);
    expect(boundedMeanUpperBound(0, 100, 0.05)).toBeCloseTo(1 - 0.05 ** 0.01, 6);
  });
});
