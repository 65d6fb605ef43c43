import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { someSpec } from '../../models/testing/index.js';
import { learnedUpperBound, learnValue, NEW_LEARNED_MEAN } from './learned-mean.js';
import { MEAN_ERROR, stateMean } from './mean-finding.js';
import {
  type MeanMonitorState,
  type MeanObservation,
  NEW_MEAN_MONITOR,
  observeMean,
  recentMean,
} from './mean-monitor.js';

/** Simulations take seconds, and more on a machine that is busy. */
const SLOW_MS = 180_000;
const POLICY = { ...someSpec().monitors, falseAlarmEvery: 200_000, minimumSamples: 200, errorTolerance: 0.1 };

/** Errors as a forecast makes them: the size of a normal variable, times `scale`. */
function errors(seed: number, count: number, scale: number, from = 0): MeanObservation[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (_, i) => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return { value: Math.abs(normal) * scale, magnitude: 10, at: (from + i) * 1000 };
  });
}

describe('what the first observations tell', () => {
  it(
    'bounds the mean from above in at least 95 % of samples, and not by much',
    () => {
      let covered = 0;
      let width = 0;
      const streams = 300;
      for (let seed = 1; seed <= streams; seed += 1) {
        const random = seededRandom(seed);
        let learned = NEW_LEARNED_MEAN;
        for (let i = 0; i < 200; i += 1)
          learned = learnValue(learned, Math.min(1, -Math.log(1 - random()) / 4), 200, 0.05);
        const truth = (1 - Math.exp(-4)) / 4;
        const bound = learnedUpperBound(learned, 0.05);
        if (bound >= truth) covered += 1;
        width += (bound - truth) / truth / streams;
      }
      expect(covered / streams).toBeGreaterThanOrEqual(0.95);
      expect(width).toBeLessThan(0.25);
    },
    SLOW_MS,
  );

  it('is 1 while nothing is known', () => expect(learnedUpperBound(NEW_LEARNED_MEAN, 0.05)).toBe(1));
});

describe('the mean error', () => {
  it(
    'keeps its promise on stable streams: of 300 with 3,000 labels at most the stated 4 alarm',
    () => {
      let alarms = 0;
      for (let seed = 1; seed <= 300; seed += 1)
        if (observeMean(NEW_MEAN_MONITOR, errors(seed, 3_000, 3), POLICY).detector?.alarm != null) alarms += 1;
      expect(alarms).toBeLessThanOrEqual(4);
    },
    SLOW_MS,
  );

  it.each([
    [1.5, 350],
    [2, 90],
    [4, 40],
  ])(
    'finds errors that are %p times as large after %p labels at the latest on average',
    (times, most) => {
      let delay = 0;
      const streams = 40;
      for (let seed = 1; seed <= streams; seed += 1) {
        const calm = observeMean(NEW_MEAN_MONITOR, errors(seed, 1_000, 3), POLICY);
        const { detector } = observeMean(calm, errors(seed + 999, 2_500, 3 * times, 1_000), POLICY);
        const begun = calm.detector!.observations;
        expect(detector!.alarm).not.toBeNull();
        delay += (detector!.alarm!.observation - begun) / streams;
      }
      expect(delay).toBeLessThan(most);
    },
    SLOW_MS,
  );

  it('goes from learning to calm to alarm and back, and says so in the unit of the labels', () => {
    let state = observeMean(NEW_MEAN_MONITOR, errors(1, 100, 3), POLICY);
    expect(stateMean(MEAN_ERROR, state, POLICY)).toMatchObject({ state: 'undecided', changeAt: null });
    state = observeMean(state, errors(2, 900, 3, 100), POLICY);
    const calm = stateMean(MEAN_ERROR, state, POLICY);
    expect(calm.state).toBe('calm');
    expect(calm.level!.value).toBeGreaterThan(2);
    expect(calm.level!.value).toBeLessThan(2.8);
    state = observeMean(state, errors(3, 400, 9, 1_000), POLICY);
    const alarm = stateMean(MEAN_ERROR, state, POLICY);
    expect(alarm.state).toBe('alarm');
    expect(alarm.falseAlarm).toContain('n/200,000');
    expect(Math.abs(alarm.changeAt!.getTime() - 1_000_000)).toBeLessThan(40_000);
    expect(stateMean(MEAN_ERROR, observeMean(state, errors(4, 2_000, 2.5, 1_400), POLICY), POLICY).state).toBe('calm');
  });

  it('is not upset by one value that is far out, or no number', () => {
    const state = observeMean(NEW_MEAN_MONITOR, errors(5, 1_000, 3), POLICY);
    const far = [1e300, Number.NaN, Number.POSITIVE_INFINITY].map((value) => ({ value, magnitude: 1, at: 1e6 }));
    const after = observeMean(state, far, POLICY);
    expect(stateMean(MEAN_ERROR, after, POLICY).state).toBe('calm');
    expect(Number.isFinite(recentMean(after)!.value)).toBe(true);
  });

  it('begins with errors of zero and still sees them rise', () => {
    const exact = Array.from({ length: 300 }, (_, i) => ({ value: 0, magnitude: 10, at: i }));
    const state = observeMean(NEW_MEAN_MONITOR, exact, POLICY);
    expect(stateMean(MEAN_ERROR, state, POLICY).state).toBe('calm');
    expect(stateMean(MEAN_ERROR, observeMean(state, errors(6, 100, 1), POLICY), POLICY).state).toBe('alarm');
  });

  it('is the same for any batches and across JSON', () => {
    const policy = { ...POLICY, minimumSamples: 40, falseAlarmEvery: 100 };
    const values = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 200 });
    fc.assert(
      fc.property(values, fc.nat(200), fc.constantFrom(null, 1), (all, cut, bound) => {
        const batch = all.map((value, i) => ({ value, magnitude: 1, at: i }));
        const whole = observeMean(NEW_MEAN_MONITOR, batch, policy, bound);
        const first = observeMean(NEW_MEAN_MONITOR, batch.slice(0, cut), policy, bound);
        const copy = JSON.parse(JSON.stringify(first)) as MeanMonitorState;
        expect(observeMean(copy, batch.slice(cut), policy, bound)).toEqual(whole);
      }),
    );
  });
});
