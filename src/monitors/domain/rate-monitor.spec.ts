import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import type { BinaryObservation } from './e-detector.js';
import { stateRate } from './rate-finding.js';
import { newRateMonitor, observeRate, type RateMonitorState, recentLevel, toleratedRate } from './rate-monitor.js';

const POLICY = {
  falseAlarmEvery: 200_000,
  accuracyTolerance: 0.01,
  agreementTolerance: 0.01,
  minimumSamples: 100,
  rescoreBatch: 64,
  contract: null,
  errorTolerance: 0.1,
  minimumCoverage: 0.95,
  burnRates: [],
  cost: null,
};

function stream(seed: number, length: number, rate: number, from = 0): BinaryObservation[] {
  const random = seededRandom(seed);
  return Array.from({ length }, (_, i) => ({ bad: random() < rate, at: (from + i) * 1000 }));
}

describe('what is tolerated', () => {
  it.each([
    ['many evaluated answers: estimate plus tolerance', 30, 10_000, 0.003 + 0.01],
    ['few evaluated answers: their upper bound', 0, 100, 1 - 0.05 ** 0.01],
    ['no answer at all: everything', 0, 0, 0.95],
    ['all wrong: less than everything', 50, 50, 0.95],
  ])('%s', (_, bad, samples, expected) => {
    expect(toleratedRate(bad, samples, 0.01, 'evaluation').rate).toBeCloseTo(expected, 6);
  });

  it('covers the true rate in at least 95 % of evaluations', () => {
    let covered = 0;
    for (let seed = 1; seed <= 1_000; seed += 1) {
      const bad = stream(seed, 200, 0.03).filter((one) => one.bad).length;
      if (toleratedRate(bad, 200, 0, 'evaluation').rate >= 0.03) covered += 1;
    }
    expect(covered).toBeGreaterThanOrEqual(930);
  });
});

describe('a rate monitor', () => {
  it('takes the rate from the first answers when nobody evaluated it, and says so', () => {
    let state = newRateMonitor(null, 0.01, POLICY.falseAlarmEvery);
    state = observeRate(state, stream(1, 60, 0.02), POLICY, 0.01);
    expect(stateRate('accuracy', state, POLICY)).toMatchObject({ state: 'undecided', changeAt: null });
    expect(stateRate('accuracy', state, POLICY).explanation).toContain('Nobody evaluated');
    state = observeRate(state, stream(2, 200, 0.02, 60), POLICY, 0.01);
    expect(state.limit).toMatchObject({ source: 'first-answers', samples: 100 });
    expect(state.detector?.observations).toBe(160);
    expect(stateRate('accuracy', state, POLICY).state).toBe('calm');
  });

  it('is undecided below the minimum and never alarms there', () => {
    const begun = newRateMonitor({ rate: 0.01, samples: 5_000 }, 0.01, POLICY.falseAlarmEvery);
    const state = observeRate(begun, stream(3, 99, 1), POLICY, 0.01);
    expect(stateRate('fidelity', state, POLICY).state).toBe('undecided');
  });

  it('finds when the rate changed and judges the level since then only', () => {
    const begun = newRateMonitor({ rate: 0.01, samples: 5_000 }, 0.01, POLICY.falseAlarmEvery);
    const calm = observeRate(begun, stream(4, 1_000, 0.01), POLICY, 0.01);
    const state = observeRate(calm, stream(5, 200, 0.2, 1_000), POLICY, 0.01);
    const statement = stateRate('fidelity', state, POLICY);
    expect(statement.state).toBe('alarm');
    expect(Math.abs((statement.changeAt?.getTime() ?? 0) / 1000 - 1_000)).toBeLessThan(30);
    expect(statement.level?.samples).toBeLessThan(230);
    expect(statement.level?.value).toBeGreaterThan(0.15);
    expect(statement.falseAlarm).toContain('n/200,000');
  });

  it('judges at most the newest 400 observations', () => {
    const begun = newRateMonitor({ rate: 0.01, samples: 5_000 }, 0.01, POLICY.falseAlarmEvery);
    expect(recentLevel(observeRate(begun, stream(6, 3_000, 0.01), POLICY, 0.01))?.samples).toBe(400);
  });

  it('is the same for any batches and across JSON', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 400 }), fc.nat(400), fc.boolean(), (bits, cut, evaluated) => {
        const all = bits.map((bad, i) => ({ bad, at: i }));
        const begun = newRateMonitor(evaluated ? { rate: 0.05, samples: 300 } : null, 0.01, 100);
        const policy = { ...POLICY, minimumSamples: 20 };
        const whole = observeRate(begun, all, policy, 0.01);
        const first = observeRate(begun, all.slice(0, cut), policy, 0.01);
        const copy = JSON.parse(JSON.stringify(first)) as RateMonitorState;
        expect(observeRate(copy, all.slice(cut), policy, 0.01)).toEqual(whole);
      }),
    );
  });
});
