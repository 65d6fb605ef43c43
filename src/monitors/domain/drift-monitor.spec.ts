import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { seededRandom } from '../../kernel/index.js';
import { stateDrift } from './drift-finding.js';
import { designDrift, type DriftMonitorState, NEW_DRIFT_MONITOR, observeDrift } from './drift-monitor.js';
import { addTallies, inBinsOf, type Tally } from './histograms.js';

const FEATURES = ['mean', 'std', 'gradientEnergy'];
const EDGES = Array.from({ length: 19 }, (_, i) => (i + 1) / 20);
const FLOOR = 0.05;
const POLICY = {
  falseAlarmEvery: 200_000,
  minimumSamples: 200,
  accuracyTolerance: 0,
  agreementTolerance: 0,
  rescoreBatch: 1,
  contract: null,
  errorTolerance: 0,
  minimumCoverage: 0,
  burnRates: [],
  cost: null,
};

/** `requests` answers whose features are uniform^power: power 1 is the baseline's world. Only the first one moves. */
function tally(random: () => number, requests: number, power = 1): Tally {
  const features = Object.fromEntries(
    FEATURES.map((name, f) => {
      const counts = Array.from({ length: 20 }, () => 0);
      for (let i = 0; i < requests; i += 1)
        counts[Math.floor((power === 1 || f > 0 ? random() : random() ** power) * 20)]! += 1;
      return [name, { bins: EDGES, counts }];
    }),
  );
  return { requests, features };
}

function classes(counts: Readonly<Record<string, number>>): Tally {
  const bins = Object.keys(counts).sort();
  const requests = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { requests, features: { class: { bins, counts: bins.map((name) => counts[name]!) } } };
}

/** Window by window from the same baseline; answers until the first alarm, or null. */
function firstAlarm(seed: number, baseline: number, window: number, windows: number, every: number, power = 1) {
  const random = seededRandom(seed);
  const design = designDrift(tally(random, baseline), FLOOR);
  const policy = { ...POLICY, falseAlarmEvery: every };
  let state: DriftMonitorState = NEW_DRIFT_MONITOR;
  for (let i = 1; i <= windows; i += 1) {
    state = observeDrift(state, design, tally(random, window, power), i, policy);
    if (state.alarm !== null) return state.answers;
  }
  return null;
}

describe('input drift', () => {
  it.each([
    ['a baseline as small as a window', 120, 100, 100, 20, 20_000],
    ['a baseline of 1,000', 120, 1_000, 100, 20, 20_000],
    ['looks at every few answers and a tiny A', 100, 500, 10, 50, 1_000],
  ])(
    'keeps its promise on stable streams with %s',
    (_, streams, baseline, window, windows, every) => {
      let alarms = 0;
      for (let seed = 1; seed <= streams; seed += 1)
        if (firstAlarm(10_000 + seed, baseline, window, windows, every) !== null) alarms += 1;
      expect(alarms / streams).toBeLessThanOrEqual((windows * window) / every);
    },
    180_000,
  );

  it('finds a shift of half a standard deviation within 320 answers on average, without a miss', () => {
    // uniform^power with power 1.65 has the mean 0.377: 0.43 standard deviations lower.
    const delays = Array.from({ length: 40 }, (_, i) => firstAlarm(i + 1, 1_000, 50, 40, 200_000, 1.65));
    expect(delays).not.toContain(null);
    expect(delays.reduce<number>((sum, delay) => sum + delay!, 0) / 40).toBeLessThanOrEqual(320);
  });

  it('does not take a tiny shift for one, however many answers prove it', () => {
    const random = seededRandom(9);
    const design = designDrift(tally(random, 20_000), FLOOR);
    const seen = (floor: typeof design) =>
      Array.from({ length: 40 }, () => tally(random, 2_000, 1.1)).reduce(
        (state, window, i) => observeDrift(state, floor, window, i, POLICY),
        NEW_DRIFT_MONITOR,
      );
    expect(seen(design).alarm).toBeNull();
    expect(seen({ ...designDrift(design.baseline, 0) }).alarm).toMatchObject([{ feature: 'mean' }]);
  });

  it('names what has shifted and how, and goes calm again after two calm looks', () => {
    const random = seededRandom(10);
    const design = designDrift(tally(random, 2_000), FLOOR);
    const next = (state: DriftMonitorState, power: number) =>
      observeDrift(state, design, tally(random, 300, power), 1, POLICY);
    const shifted = next(NEW_DRIFT_MONITOR, 3);
    expect(shifted.alarm).toEqual([{ feature: 'mean', direction: 'bin 0' }]);
    expect(stateDrift('input', shifted, design, POLICY)).toMatchObject({ state: 'alarm' });
    expect(stateDrift('input', shifted, design, POLICY).explanation).toMatch(/: mean \(more below 0.05, PSI \d/);
    const once = next(shifted, 1);
    expect(once.alarm).not.toBeNull();
    const calm = next(once, 1);
    expect(calm).toMatchObject({ alarm: null, score: 0, shifts: {} });
    expect(stateDrift('input', calm, design, POLICY).state).toBe('calm');
  });

  it('gives every score with its threshold as evidence', () => {
    const random = seededRandom(11);
    const design = designDrift(tally(random, 2_000), FLOOR);
    const state = observeDrift(NEW_DRIFT_MONITOR, design, tally(random, 300), 1, POLICY);
    const { evidence, falseAlarm } = stateDrift('input', state, design, POLICY);
    const names = evidence.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['score', 'threshold', 'least_shift', 'customary.psi']));
    for (const name of FEATURES)
      for (const measure of ['score', 'psi', 'jensenShannon', 'kolmogorovSmirnov', 'ksPValue', 'wasserstein'])
        expect(names).toContain(`${name}.${measure}`);
    expect(falseAlarm).toContain('n/200,000');
  });

  it('is undecided without a baseline, without a look, and without common bins', () => {
    const other: Tally = { requests: 500, features: { mean: { bins: [1], counts: [250, 250] } } };
    const mine: Tally = { requests: 500, features: { mean: { bins: [2], counts: [250, 250] } } };
    const design = designDrift(other, FLOOR);
    expect(stateDrift('input', NEW_DRIFT_MONITOR, null, POLICY).state).toBe('undecided');
    expect(stateDrift('input', NEW_DRIFT_MONITOR, design, POLICY).state).toBe('undecided');
    const fed = observeDrift(NEW_DRIFT_MONITOR, design, mine, 1, POLICY);
    expect(stateDrift('input', fed, design, POLICY).state).toBe('undecided');
  });

  it('survives a restart bit for bit, wherever it happens', () => {
    const random = seededRandom(12);
    const design = designDrift(tally(random, 400), FLOOR);
    const windows = Array.from({ length: 24 }, (_, i) => tally(random, 60, i < 8 || i > 15 ? 1 : 2.5));
    const feed = (from: DriftMonitorState, some: readonly Tally[]) =>
      some.reduce((state, window, i) => observeDrift(state, design, window, i, POLICY), from);
    const whole = windows.reduce(
      (state, window, i) => observeDrift(state, design, window, i % 24, POLICY),
      NEW_DRIFT_MONITOR,
    );
    fc.assert(
      fc.property(fc.nat(24), (cut) => {
        const first = windows
          .slice(0, cut)
          .reduce((state, window, i) => observeDrift(state, design, window, i, POLICY), NEW_DRIFT_MONITOR);
        const copy = JSON.parse(JSON.stringify(first)) as DriftMonitorState;
        const second = windows
          .slice(cut)
          .reduce((state, window, i) => observeDrift(state, design, window, cut + i, POLICY), copy);
        expect(JSON.stringify(second)).toBe(JSON.stringify(whole));
      }),
      { numRuns: 25 },
    );
    expect(feed(NEW_DRIFT_MONITOR, windows.slice(0, 16)).alarm).not.toBeNull();
  });
});

describe('prediction drift', () => {
  it('finds a class that the baseline lacks, and one that becomes more frequent', () => {
    const design = designDrift(classes({ '0': 500, '1': 450, '2': 50 }), FLOOR);
    const seen = (window: Tally) =>
      Array.from({ length: 6 }).reduce<DriftMonitorState>(
        (state, _, i) => observeDrift(state, design, window, i, POLICY),
        NEW_DRIFT_MONITOR,
      );
    expect(stateDrift('prediction', seen(classes({ '0': 100, '1': 90, '2': 10 })), design, POLICY).state).toBe('calm');
    const strange = stateDrift('prediction', seen(classes({ '0': 95, '1': 85, '2': 10, '7': 10 })), design, POLICY);
    expect(strange.explanation).toContain('class (names that the baseline lacks');
    const more = stateDrift('prediction', seen(classes({ '0': 80, '1': 70, '2': 50 })), design, POLICY);
    expect(more.explanation).toContain('class (more of 2');
  });
});

describe('histograms', () => {
  it('unites classes, adds moments and keeps other edges apart', () => {
    const moments = (count: number, mean: number) => ({ x: { count, mean, m2: 0, min: mean, max: mean } });
    const a: Tally = { requests: 3, features: { class: { bins: ['0', '2'], counts: [1, 2] } }, moments: moments(1, 1) };
    const b: Tally = { requests: 2, features: { class: { bins: ['1'], counts: [2] } }, moments: moments(1, 3) };
    expect(addTallies(a, b)).toEqual({
      requests: 5,
      features: { class: { bins: ['0', '1', '2'], counts: [1, 2, 2] } },
      moments: { x: { count: 2, mean: 2, m2: 2, min: 1, max: 3 } },
    });
    expect(inBinsOf(a.features.class!, { bins: ['0', '1', '9'], counts: [4, 5, 6] })).toEqual([4, 0, 11]);
    expect(inBinsOf({ bins: [1], counts: [1, 1] }, { bins: [2], counts: [1, 1] })).toBeNull();
    expect(inBinsOf({ bins: [1], counts: [1, 1] }, { bins: ['1'], counts: [1] })).toBeNull();
    expect(inBinsOf({ bins: ['1'], counts: [1] }, { bins: [1], counts: [1, 1] })).toBeNull();
  });
});
