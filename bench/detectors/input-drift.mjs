import { seededRandom } from '../../dist/kernel/index.js';
import { divergences, kolmogorovSmirnov, wasserstein } from '../../dist/monitors/domain/detectors/distances.js';
import { designDrift, NEW_DRIFT_MONITOR, observeDrift } from '../../dist/monitors/domain/drift-monitor.js';
import { chiSquareTail } from '../../dist/monitors/domain/special-functions.js';

/** Six features in 20 quantile bins; one of them changes. */
const FEATURES = 6;
const BINS = 20;
const WINDOW = 100;
const A = 200_000;
const FLOOR = 0.05;
const BEFORE = 2_000;
const AFTER = 6_000;

const gauss = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
/** What a value is in the world after the change, by a random generator. */
export const WORLDS = {
  'mean + 0.25 sd': (random) => gauss(random) + 0.25,
  'mean + 0.5 sd': (random) => gauss(random) + 0.5,
  'mean + 1 sd': (random) => gauss(random) + 1,
  'sd × 1.5': (random) => gauss(random) * 1.5,
  'sd ÷ 1.5': (random) => gauss(random) / 1.5,
  'a new value in 10 %': (random) => (random() < 0.1 ? 0.05 : gauss(random)),
  'two humps': (random) => (random() < 0.5 ? -1 : 1) * (1 + 0.3 * gauss(random)),
};

/** Inner edges of bins with equal shares of a large sample of the stable world. */
const EDGES = (() => {
  const random = seededRandom(4_242);
  const values = Float64Array.from({ length: 100_000 }, () => gauss(random)).sort();
  return Array.from({ length: BINS - 1 }, (_, i) => values[Math.floor(((i + 1) * values.length) / BINS)]);
})();

function counts(random, world, answers) {
  const bins = new Array(BINS).fill(0);
  for (let i = 0; i < answers; i += 1) {
    const value = world(random);
    let bin = 0;
    while (bin < EDGES.length && EDGES[bin] <= value) bin += 1;
    bins[bin] += 1;
  }
  return bins;
}

function tallyOf(features) {
  const entries = features.map((bins, f) => [`f${f}`, { bins: EDGES, counts: bins }]);
  return { requests: features[0].reduce((sum, count) => sum + count, 0), features: Object.fromEntries(entries) };
}

/** Each rule says yes or no to a block of one feature beside its baseline, and how many answers make a block. */
const BLOCK_RULES = {
  'KS p < .05, blocks of 500 (Evidently, small data)': [500, (b, r) => kolmogorovSmirnov(b, r).pValue < 0.05],
  'PSI ≥ 0.1, blocks of 500': [500, (b, r) => divergences(b, r).psi >= 0.1],
  'Wasserstein ≥ 0.1 sd, blocks of 2,000 (Evidently, large data)': [
    2_000,
    (b, r) => wasserstein(EDGES, b, r).distance >= 0.1,
  ],
  'G and Pearson with PSI ≥ 0.1, blocks of 200 (ours before)': [200, (b, r) => homogeneous(b, r, 200)],
  'G and Pearson with PSI ≥ 0.1, blocks of 1,000 (ours before)': [1_000, (b, r) => homogeneous(b, r, 1_000)],
};

export const RULES = ['sequential test (ours)', ...Object.keys(BLOCK_RULES)];

/** First alarm in answers, by rule, on one stream; null = none. */
function firstAlarms(seed, baseline, before, after, world) {
  const random = seededRandom(seed);
  const stable = (answers) => Array.from({ length: FEATURES }, () => counts(random, gauss, answers));
  const base = stable(baseline);
  const design = designDrift(tallyOf(base), FLOOR);
  const first = Object.fromEntries(RULES.map((rule) => [rule, null]));
  let state = NEW_DRIFT_MONITOR;
  const blocks = Object.fromEntries(Object.keys(BLOCK_RULES).map((rule) => [rule, null]));
  for (let answers = WINDOW; answers <= before + after; answers += WINDOW) {
    const window = stable(WINDOW);
    if (answers > before) window[0] = counts(random, world, WINDOW);
    if (first[RULES[0]] === null) {
      state = observeDrift(state, design, tallyOf(window), answers, { falseAlarmEvery: A, minimumSamples: 200 });
      if (state.alarm !== null) first[RULES[0]] = answers;
    }
    lookAtBlocks({ blocks, first, base, window, answers });
    if (answers > before && RULES.every((rule) => first[rule] !== null)) break;
  }
  return first;
}

/** Adds the window to each rule's block; a rule looks whenever its block is full. */
function lookAtBlocks({ blocks, first, base, window, answers }) {
  for (const [rule, [size, says]] of Object.entries(BLOCK_RULES)) {
    const block = blocks[rule] === null ? window : blocks[rule].map((bins, f) => bins.map((c, i) => c + window[f][i]));
    const isFull = answers % size === 0;
    blocks[rule] = isFull ? null : block;
    if (isFull && first[rule] === null && block.some((bins, f) => says(base[f], bins))) first[rule] = answers;
  }
}

/** False alarms on stable streams of 10,000 answers, and misses and delays for each world, for a baseline's size. */
export function inputDrift(streams, baseline) {
  const stable = Array.from({ length: streams }, (_, i) => firstAlarms(i + 1, baseline, 10_000, 0, gauss));
  const share = (rule) => stable.filter((first) => first[rule] !== null).length / streams;
  const changed = Object.entries(WORLDS).map(([name, world]) => {
    const runs = Array.from({ length: Math.ceil(streams / 5) }, (_, i) =>
      firstAlarms(900_000 + i, baseline, BEFORE, AFTER, world),
    );
    return [name, Object.fromEntries(RULES.map((rule) => [rule, delays(runs.map((first) => first[rule]))]))];
  });
  return { baseline, streams, falseShare: Object.fromEntries(RULES.map((rule) => [rule, share(rule)])), changed };
}

/** Streams that alarmed before the change say nothing about delays. */
function delays(first) {
  const late = first.filter((at) => at === null || at > BEFORE);
  const found = late.filter((at) => at !== null).map((at) => at - BEFORE);
  return {
    judged: late.length,
    missShare: late.length === 0 ? null : 1 - found.length / late.length,
    meanDelay: found.length === 0 ? null : found.reduce((sum, delay) => sum + delay, 0) / found.length,
  };
}

/** The test that the drift monitors used before: G with Williams' correction and Pearson's X² must both reject. */
function homogeneous(baseline, recent, block) {
  const n = baseline.reduce((sum, count) => sum + count, 0);
  const total = n + block;
  const joined = [];
  let open = [0, 0];
  baseline.forEach((count, i) => {
    open = [open[0] + count, open[1] + recent[i]];
    if (((open[0] + open[1]) * Math.min(n, block)) / total >= 10) {
      joined.push(open);
      open = [0, 0];
    }
  });
  const last = joined.at(-1);
  if (last === undefined || joined.length < 2) return false;
  last[0] += open[0];
  last[1] += open[1];
  let g = 0;
  let pearson = 0;
  let inverse = 0;
  for (const [b, r] of joined) {
    inverse += total / (b + r);
    for (const [count, row] of [
      [b, n],
      [r, block],
    ]) {
      const expected = (row * (b + r)) / total;
      if (count > 0) g += 2 * count * Math.log(count / expected);
      pearson += (count - expected) ** 2 / expected;
    }
  }
  const degrees = joined.length - 1;
  const williams = 1 + ((total / n + total / block - 1) * (inverse - 1)) / (6 * total * degrees);
  const pValue = chiSquareTail(Math.min(g / williams, pearson), degrees);
  return pValue < block / A / FEATURES && divergences(baseline, recent).psi >= 0.1;
}
