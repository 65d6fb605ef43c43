import { describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../kernel/index.js';
import { type DriftMonitorState, NEW_DRIFT_MONITOR, observeDrift, stateDrift } from './drift-monitor.js';
import { compareHistograms } from './drift-test.js';
import { addTallies, align, type Tally } from './histograms.js';

const FEATURES = ['mean', 'std', 'min', 'max', 'zeroFraction', 'gradientEnergy'];
const EDGES = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);

/** `requests` answers whose every feature is uniform^power: power 1 is the baseline's world. */
function tally(random: () => number, requests: number, power = 1): Tally {
  const features = Object.fromEntries(
    FEATURES.map((name) => {
      const counts = Array.from({ length: 20 }, () => 0);
      for (let i = 0; i < requests; i += 1) counts[Math.floor((power === 1 ? random() : random() ** power) * 20)]! += 1;
      return [name, { bins: EDGES, counts }];
    }),
  );
  return { requests, features };
}

/** Look by look from the same baseline; the number of looks until the first alarm, or null. */
function firstAlarm(
  seed: number,
  baseline: number,
  block: number,
  looks: number,
  every: number,
  power = 1,
): number | null {
  const random = seededRandom(seed);
  const base = tally(random, baseline);
  let state: DriftMonitorState = NEW_DRIFT_MONITOR;
  const policy = { falseAlarmEvery: every, minimumSamples: block };
  for (let look = 1; look <= looks; look += 1) {
    state = observeDrift(state, base, tally(random, block, power), look, policy);
    if (state.alarm !== null) return look;
  }
  return null;
}

const UNUSED = { contract: null, errorTolerance: 0, minimumCoverage: 0, burnRates: [], cost: null };

describe('input drift', () => {
  it.each([
    ['a baseline as small as a block', 50, 50, 40, 20_000],
    ['a large baseline', 1_000, 50, 40, 20_000],
  ])(
    'keeps its promise over many looks with %s',
    (_, baseline, block, looks, every) => {
      let alarms = 0;
      const streams = 300;
      for (let seed = 1; seed <= streams; seed += 1)
        if (firstAlarm(10_000 + seed, baseline, block, looks, every) !== null) alarms += 1;
      // The promise: at most looks·block/every = 10 % of the streams.
      const promised = (looks * block) / every;
      expect(alarms / streams).toBeLessThanOrEqual(promised);
    },
    120_000,
  );

  it('finds a clear shift at the first look', () => {
    for (let seed = 1; seed <= 20; seed += 1) expect(firstAlarm(seed, 500, 200, 3, 200_000, 2.5)).toBe(1);
  });

  it('does not take a tiny shift for one, however many answers prove it', () => {
    const random = seededRandom(9);
    const base = tally(random, 20_000);
    const state = observeDrift(NEW_DRIFT_MONITOR, base, tally(random, 20_000, 1.1), 1, {
      falseAlarmEvery: 200_000,
      minimumSamples: 100,
    });
    expect(Object.values(state.last?.features ?? {}).every((test) => test.pValue < 1e-6)).toBe(true);
    expect(state.alarm).toBeNull();
  });

  it('goes calm again after two calm looks and names what drifted while it alarms', () => {
    const random = seededRandom(10);
    const policy = { falseAlarmEvery: 200_000, minimumSamples: 300 };
    const full = { ...policy, accuracyTolerance: 0, agreementTolerance: 0, rescoreBatch: 1, ...UNUSED };
    const base = tally(random, 2_000);
    const look = (state: DriftMonitorState, power: number) =>
      observeDrift(state, base, tally(random, 300, power), 1, policy);
    const shifted = look(NEW_DRIFT_MONITOR, 3);
    expect(stateDrift('input', shifted, base, full)).toMatchObject({ state: 'alarm' });
    expect(stateDrift('input', shifted, base, full).explanation).toContain('mean (PSI');
    const once = look(shifted, 1);
    expect(once.alarm).not.toBeNull();
    expect(look(once, 1).alarm).toBeNull();
  });

  it('is undecided without a baseline, without a block, and without common bins', () => {
    const policy = {
      falseAlarmEvery: 1e5,
      minimumSamples: 10,
      accuracyTolerance: 0,
      agreementTolerance: 0,
      rescoreBatch: 1,
      ...UNUSED,
    };
    const other: Tally = { requests: 50, features: { mean: { bins: [1], counts: [25, 25] } } };
    const mine: Tally = { requests: 50, features: { mean: { bins: [2], counts: [25, 25] } } };
    expect(stateDrift('input', NEW_DRIFT_MONITOR, null, policy).state).toBe('undecided');
    expect(stateDrift('input', NEW_DRIFT_MONITOR, other, policy).state).toBe('undecided');
    expect(stateDrift('input', observeDrift(NEW_DRIFT_MONITOR, other, mine, 1, policy), other, policy).state).toBe(
      'undecided',
    );
  });
});

describe('histograms', () => {
  it('unites classes and keeps other edges apart', () => {
    const a = { requests: 3, features: { class: { bins: ['0', '2'], counts: [1, 2] } } };
    const b = { requests: 2, features: { class: { bins: ['1'], counts: [2] } } };
    expect(addTallies(a, b)).toEqual({
      requests: 5,
      features: { class: { bins: ['0', '1', '2'], counts: [1, 2, 2] } },
    });
    expect(align(a.features.class, b.features.class)).toEqual([
      [1, 0, 2],
      [0, 2, 0],
    ]);
    expect(align({ bins: [1], counts: [1, 1] }, { bins: [2], counts: [1, 1] })).toBeNull();
  });

  it('measures no distance between equal shapes and a large one between disjoint ones', () => {
    expect(compareHistograms([50, 50], [500, 500]).pValue).toBeGreaterThan(0.99);
    expect(compareHistograms([50, 50], [500, 500]).psi).toBeCloseTo(0, 4);
    const apart = compareHistograms([100, 0], [0, 100]);
    expect(apart.psi).toBeGreaterThan(5);
    expect(apart.jensenShannon).toBeGreaterThan(0.9);
    expect(apart.pValue).toBeLessThan(1e-20);
    expect(compareHistograms([], [])).toEqual({ psi: 0, jensenShannon: 0, pValue: 1 });
  });
});
