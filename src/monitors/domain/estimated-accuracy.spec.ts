import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { someSpec } from '../../models/testing/index.js';
import { confidenceBin, CONFIDENCE_BINS } from './calibrator.js';
import {
  estimateAccuracy,
  type EstimatedAccuracyState,
  learnCalibration,
  NEW_ESTIMATED_ACCURACY,
  observeConfidence,
} from './estimated-accuracy.js';
import { stateEstimatedAccuracy } from './estimated-accuracy-finding.js';

const POLICY = { ...someSpec().monitors, falseAlarmEvery: 200_000, minimumSamples: 500 };
const EVALUATED = { rate: 0.056, samples: 5_000 };
const WINDOW = 200;
/** Simulations take seconds, and more on a machine that is busy. */
const SLOW_MS = 180_000;

const USUAL = 0.02;

/**
 * A version whose confidences crowd near 1, as a classifier's do, and say too much: right 0.98 · confidence of the time.
 * `worse` draws that share of the answers from hard inputs, which it knows to be hard.
 */
function draw(random: () => number, worse: number): { confidence: number; right: boolean } {
  const hard = random() < worse;
  const confidence = hard ? 0.45 + 0.4 * random() : 1 - 0.06 * random();
  return { confidence, right: random() < 0.98 * confidence };
}

function labelled(seed: number, count: number) {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => draw(random, USUAL));
}

function window(random: () => number, second: number, worse: number) {
  const confidence = new Array<number>(CONFIDENCE_BINS).fill(0);
  let right = 0;
  for (let i = 0; i < WINDOW; i += 1) {
    const answer = draw(random, worse);
    confidence[confidenceBin(answer.confidence)]! += 1;
    if (answer.right) right += 1;
  }
  return { window: { confidence, answered: WINDOW, at: second * 10_000 }, right };
}

const calibrated = (seed: number, rows = 2_000) =>
  learnCalibration(NEW_ESTIMATED_ACCURACY, labelled(seed, rows), EVALUATED, POLICY);

function run(seed: number, windows: number, worse: (window: number) => number, rows = 2_000) {
  const random = seededRandom(seed * 7 + 1);
  let state: EstimatedAccuracyState = calibrated(seed, rows);
  let alarmAfter: number | null = null;
  let right = 0;
  for (let i = 0; i < windows; i += 1) {
    const next = window(random, i, worse(i));
    right += next.right;
    state = observeConfidence(state, next.window);
    if (alarmAfter === null && state.detector?.alarm != null) alarmAfter = (i + 1) * WINDOW;
  }
  return { state, alarmAfter, right };
}

describe('estimated accuracy', () => {
  it(
    'is what the labels say later, within its band',
    () => {
      let inside = 0;
      for (let seed = 1; seed <= 100; seed += 1) {
        const random = seededRandom(seed + 10_000);
        let state = calibrated(seed, 6_000);
        let right = 0;
        for (let i = 0; i < 10; i += 1) {
          const next = window(random, i, seed % 2 === 0 ? USUAL : 0.1);
          right += next.right;
          state = observeConfidence(state, next.window);
        }
        const estimate = estimateAccuracy(state)!;
        expect(estimate.samples).toBe(2_000);
        if (Math.abs(estimate.value - right / 2_000) <= 1.96 * estimate.standardError) inside += 1;
      }
      expect(inside).toBeGreaterThanOrEqual(90);
    },
    SLOW_MS,
  );

  it(
    'keeps its promise on stable streams: of 300 with 5,000 answers at most the stated 7 alarm',
    () => {
      let alarms = 0;
      for (let seed = 1; seed <= 300; seed += 1) if (run(seed, 25, () => USUAL).alarmAfter !== null) alarms += 1;
      expect(alarms).toBeLessThanOrEqual(7);
    },
    SLOW_MS,
  );

  it.each([
    [0.2, 400],
    [0.3, 300],
    [0.5, 250],
  ])(
    'finds %p of hard inputs after %p answers at the latest on average, without a label',
    (worse, most) => {
      let delay = 0;
      const streams = 40;
      for (let seed = 1; seed <= streams; seed += 1) {
        const { alarmAfter } = run(seed, 25, (i) => (i < 15 ? USUAL : worse), 6_000);
        expect(alarmAfter).not.toBeNull();
        delay += (alarmAfter! - 15 * WINDOW) / streams;
      }
      expect(delay).toBeLessThan(most);
    },
    SLOW_MS,
  );

  it('names when it began, in its finding', () => {
    const { state } = run(3, 60, (i) => (i < 30 ? USUAL : 0.3));
    const statement = stateEstimatedAccuracy(state, POLICY);
    expect(statement.state).toBe('alarm');
    expect(Math.abs(statement.changeAt!.getTime() - 300_000)).toBeLessThanOrEqual(20_000);
    expect(statement.falseAlarm).toContain('n/200,000');
    const names = statement.evidence.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['calibration_error_before_ratio', 'calibration_error_after_ratio']));
    expect(statement.level!.value).toBeGreaterThan(0.1);
  });

  it('calms down again when the hard inputs are gone', () => {
    const { state } = run(4, 130, (i) => (i >= 30 && i < 60 ? 0.3 : USUAL));
    expect(stateEstimatedAccuracy(state, POLICY).state).toBe('calm');
  });

  it.each([
    [
      'no confidence at all',
      observeConfidence(NEW_ESTIMATED_ACCURACY, { confidence: [], answered: 500, at: 0 }),
      'no confidence',
    ],
    ['nothing', NEW_ESTIMATED_ACCURACY, 'Only 0 labelled answers'],
    [
      'too few labelled answers',
      learnCalibration(NEW_ESTIMATED_ACCURACY, labelled(1, 499), EVALUATED, POLICY),
      'Only 499',
    ],
    ['no answers yet', calibrated(1), 'Only 0 answers'],
  ])('is undecided with %s', (_, state, reason) => {
    const statement = stateEstimatedAccuracy(state, POLICY);
    expect(statement.state).toBe('undecided');
    expect(statement.explanation).toContain(reason);
  });

  it('is undecided, not calm, where nothing was labelled', () => {
    let state = calibrated(5);
    const confidence = new Array<number>(CONFIDENCE_BINS).fill(0);
    confidence[19] = 700;
    confidence[5] = 100;
    state = observeConfidence(
      { ...state, limit: { ...state.limit!, rate: 0.5 } },
      { confidence, answered: 800, at: 0 },
    );
    const statement = stateEstimatedAccuracy(state, POLICY);
    expect(statement.state).toBe('undecided');
    expect(statement.explanation).toContain('guess');
  });

  it('is the same for any batches of labels and across JSON', () => {
    fc.assert(
      fc.property(fc.nat(3_000), fc.nat(100), (cut, seed) => {
        const all = labelled(seed, 3_000);
        const whole = learnCalibration(NEW_ESTIMATED_ACCURACY, all, null, POLICY);
        const first = learnCalibration(NEW_ESTIMATED_ACCURACY, all.slice(0, cut), null, POLICY);
        const copy = JSON.parse(JSON.stringify(first)) as EstimatedAccuracyState;
        expect(learnCalibration(copy, all.slice(cut), null, POLICY)).toEqual(whole);
        expect(whole.calibrator?.rows).toBe(2_000);
        expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
      }),
      { numRuns: 30 },
    );
  });
});
