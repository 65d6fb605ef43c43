import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { type BinaryObservation, changePoint, type EDetector, newEDetector, observe, score } from './e-detector.js';

const A = 200_000;

function stream(seed: number, parts: readonly (readonly [length: number, rate: number])[]): BinaryObservation[] {
  const random = seededRandom(seed);
  const all: BinaryObservation[] = [];
  for (const [length, rate] of parts)
    for (let i = 0; i < length; i += 1) all.push({ bad: random() < rate, at: all.length * 1_000 });
  return all;
}

/** Mean delay over streams that did not alarm before the change; every one must alarm before its end. */
function delays(p0: number, stable: number, changed: number, streams: number, before = 3_000, after = 7_000) {
  let sum = 0;
  let counted = 0;
  let missed = 0;
  const errors: number[] = [];
  for (let seed = 1; seed <= streams; seed += 1) {
    const detector = firstAlarm(
      newEDetector(p0, A),
      stream(seed * 7_919, [
        [before, stable],
        [after, changed],
      ]),
    );
    if (detector.alarm === null) missed += 1;
    else if (detector.alarm.observation > before) {
      sum += detector.alarm.observation - before;
      counted += 1;
      errors.push(Math.abs(changePoint(detector).index - before));
    }
  }
  errors.sort((a, b) => a - b);
  return { mean: sum / counted, missed, counted, changeError: errors[Math.floor(errors.length / 2)] ?? Infinity };
}

function firstAlarm(detector: EDetector, observations: readonly BinaryObservation[]): EDetector {
  let current = detector;
  for (let from = 0; from < observations.length; from += 500) {
    const next = observe(current, observations.slice(from, from + 500));
    current = next;
    if (next.alarm !== null) return next;
  }
  return current;
}

describe('mixture Shiryaev–Roberts e-detector', () => {
  it('keeps its promise on 400 stable streams at exactly p0: P(alarm by 10,000) ≤ 10,000/A', () => {
    let alarms = 0;
    for (let seed = 1; seed <= 400; seed += 1)
      if (firstAlarm(newEDetector(0.05, A), stream(seed, [[10_000, 0.05]])).alarm !== null) alarms += 1;
    expect(alarms / 400).toBeLessThanOrEqual(10_000 / A);
  }, 120_000);

  it('keeps its promise with a small threshold too, where false alarms are frequent enough to count', () => {
    let alarms = 0;
    for (let seed = 1; seed <= 400; seed += 1)
      if (firstAlarm(newEDetector(0.02, 5_000), stream(seed, [[1_000, 0.02]])).alarm !== null) alarms += 1;
    expect(alarms / 400).toBeLessThanOrEqual(1_000 / 5_000);
  });

  it.each([
    ['5 → 10 %', 0.05, 0.05, 0.1, 370],
    ['5 → 20 %', 0.05, 0.05, 0.2, 80],
    ['5 → 7.5 %', 0.05, 0.05, 0.075, 1_250],
    ['0.5 → 4 %', 0.005, 0.005, 0.04, 250],
    ['1 → 4 %', 0.01, 0.01, 0.04, 330],
    ['0.5 → 4 % with p0 = 1.5 %', 0.015, 0.005, 0.04, 700],
    ['1 → 6 % with p0 = 2 %', 0.02, 0.01, 0.06, 350],
  ])(
    'finds %s without a miss within its mean delay',
    (_, p0, stable, changed, limit) => {
      const found = delays(p0, stable, changed, 300);
      expect(found.missed).toBe(0);
      expect(found.mean).toBeLessThanOrEqual(limit);
      expect(found.changeError).toBeLessThanOrEqual(limit / 3);
    },
    120_000,
  );

  it('says nothing about a rate that falls', () => {
    expect(
      firstAlarm(
        newEDetector(0.05, A),
        stream(3, [
          [3_000, 0.05],
          [10_000, 0.01],
        ]),
      ).alarm,
    ).toBeNull();
  });

  it('recovers from an alarm when the stream does, and starts afresh', () => {
    const after = observe(
      newEDetector(0.05, A),
      stream(5, [
        [500, 0.05],
        [2_000, 0.4],
        [400, 0.03],
      ]),
    );
    expect(after.alarm).toBeNull();
    expect(score(after)).toBeLessThan(A);
  });

  it('stays finite whatever it sees', () => {
    const ones = Array.from({ length: 20_000 }, (_, i) => ({ bad: true, at: i }));
    const detector = observe(newEDetector(1e-4, 1e9), ones);
    expect(Number.isFinite(score(detector))).toBe(true);
    expect(detector.alarm).not.toBeNull();
  });

  it('gives the same state in any batches and across JSON', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 300 }), fc.nat(300), (bits, cut) => {
        const observations = bits.map((bad, i) => ({ bad, at: i }));
        const whole = observe(newEDetector(0.1, 50), observations);
        const first = observe(newEDetector(0.1, 50), observations.slice(0, cut));
        const second = observe(JSON.parse(JSON.stringify(first)) as EDetector, observations.slice(cut));
        expect(second).toEqual(whole);
      }),
    );
  });

  it.each([[0], [1], [-0.1], [Number.NaN]])('refuses p0 = %p', (p0) => {
    expect(() => newEDetector(p0, A)).toThrow(RangeError);
  });
});
