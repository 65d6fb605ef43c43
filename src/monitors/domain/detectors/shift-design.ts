import { boundedMeanUpperBound } from '../rate-bounds.js';

/**
 * In which directions a feature's distribution is watched, and what its baseline says about each.
 *
 * A direction is a score g in [0, 1] a bin whose mean rises when the distribution moves that way: the bin's rank (higher,
 * lower), its distance from the middle (wider, narrower), and for each single bin whether it is that one (a new or more
 * frequent category, a peak). Bins are the model's profile or its classes, never taken from what is tested, so the scores
 * are fixed beforehand.
 *
 * The baseline is a sample as well, so its true mean m is unknown. For every m there is a bet against "the baseline's mean
 * is at least m" whose expected gain is at most 1, W(m), rising in m; with 0.1 kept aside it never falls below 0.1. The
 * range of m is cut into cells; the last one ends at an upper bound that the truth exceeds with probability MISS divided
 * by all directions of all features.
 */
export interface Direction {
  readonly name: string;
  /** Share of the feature's evidence. */
  readonly weight: number;
  /** Rises of the mean below this do not count. */
  readonly least: number;
  /** g of each bin; `bin` is set where it is 1 for that one and 0 for all others. */
  readonly scores: Float64Array;
  readonly bin: number | null;
  /** The baseline's mean of g. */
  readonly mean: number;
  /** Different values of g, and which of them each bin has. */
  readonly levels: Float64Array;
  readonly levelOf: readonly number[];
  /** ln W at the lower end of each cell. */
  readonly baseline: Float64Array;
  /** ln(1 + f·(g/m − 1)) with m the upper end of the cell: by cell, bet f and level. */
  readonly gains: Float64Array;
  readonly bets: number;
}

export interface ShiftDesign {
  readonly bins: number;
  readonly directions: readonly Direction[];
}

/** Probability that a baseline's upper bounds miss the truth in any direction of any feature. */
export const BASELINE_MISS = 1e-4;
export const CELLS = 16;
/** Bets on the baseline, in units of 1/√(its size): made for deviations of its mean by half to six standard errors. */
const BASELINE_BETS = [1, 2, 4, 8, 16, 32] as const;
const KEPT_ASIDE = 0.1;
/** Bets on the stream: a rank's mean moves by a part of its spread, a single bin's share may multiply. */
const SHAPE_BETS = [0.1, 0.25, 0.5, 0.9] as const;
const BIN_BETS = [0.02, 0.06, 0.2, 0.6] as const;
/** Bins together; the rest is the four shapes'. Without order there are only bins. */
const WEIGHT_OF_BINS = 1 / 3;

/**
 * @param baseline counts by bin
 * @param ordered whether the bins have ranks; of named ones the last should stand for every name the baseline lacks
 * @param leastShift smallest rise of a mean rank (0..1) that counts; half of it for the share of a single bin
 * @param features how many features are watched together
 */
export function shiftDesign(
  baseline: readonly number[],
  ordered: boolean,
  { leastShift, features }: { readonly leastShift: number; readonly features: number },
): ShiftDesign {
  const bins = baseline.length;
  const last = Math.max(1, bins - 1);
  const away = (i: number) => Math.abs(2 * i - last) / last;
  const shapes: [string, (i: number) => number][] = [
    ['higher', (i) => i / last],
    ['lower', (i) => 1 - i / last],
    ['wider', (i) => away(i) ** 4],
    ['narrower', (i) => 1 - away(i)],
  ];
  const used = ordered && bins > 1 ? shapes : [];
  const miss = BASELINE_MISS / (features * (used.length + bins));
  const weight = used.length === 0 ? 1 : WEIGHT_OF_BINS;
  return {
    bins,
    directions: [
      ...used.map(([name, score]) => {
        const share = (1 - weight) / used.length;
        return direction(
          { name, bin: null, weight: share, least: leastShift, bets: SHAPE_BETS, miss },
          baseline,
          score,
        );
      }),
      ...baseline.map((_, j) => {
        const about = { name: `bin ${j}`, bin: j, weight: weight / bins, least: leastShift / 2, bets: BIN_BETS, miss };
        return direction(about, baseline, (i) => (i === j ? 1 : 0));
      }),
    ],
  };
}

interface About extends Pick<Direction, 'name' | 'bin' | 'weight' | 'least'> {
  readonly bets: readonly number[];
  readonly miss: number;
}

function direction(about: About, counts: readonly number[], score: (i: number) => number): Direction {
  const { name, bin, weight, least, bets, miss } = about;
  const scores = Float64Array.from(counts, (_, i) => score(i));
  const levels = Float64Array.from(new Set(scores));
  const levelOf = Array.from(scores, (value) => levels.indexOf(value));
  const byLevel = countsByLevel({ levels, levelOf }, counts);
  const { samples, mean, variance } = momentsOf(byLevel, levels);
  const upper = boundedMeanUpperBound(mean, samples, miss, variance);
  const baseline = new Float64Array(CELLS);
  const gains = new Float64Array(CELLS * bets.length * levels.length);
  let at = 0;
  for (let cell = 0; cell < CELLS; cell += 1) {
    baseline[cell] = baselineEvidence(byLevel, levels, samples, mean + ((upper - mean) * cell) / CELLS);
    const end = mean + ((upper - mean) * (cell + 1)) / CELLS;
    for (const bet of bets)
      for (let l = 0; l < levels.length; l += 1) {
        gains[at] = Math.log(1 + bet * (levels[l]! / end - 1));
        at += 1;
      }
  }
  return { name, bin, weight, least, scores, mean, levels, levelOf, baseline, gains, bets: bets.length };
}

function momentsOf(byLevel: Float64Array, levels: Float64Array) {
  let samples = 0;
  let sum = 0;
  let squares = 0;
  for (let l = 0; l < levels.length; l += 1) {
    samples += byLevel[l]!;
    sum += byLevel[l]! * levels[l]!;
    squares += byLevel[l]! * levels[l]! ** 2;
  }
  const mean = samples === 0 ? 0 : sum / samples;
  return { samples, mean, variance: samples === 0 ? 0 : Math.max(0, squares / samples - mean * mean) };
}

/** Counts of the different values of a direction's score. */
export function countsByLevel(
  { levels, levelOf }: Pick<Direction, 'levels' | 'levelOf'>,
  counts: readonly number[],
): Float64Array {
  const byLevel = new Float64Array(levels.length);
  levelOf.forEach((level, i) => (byLevel[level]! += counts[i] ?? 0));
  return byLevel;
}

/** ln W(m): the gain of bets on a baseline whose mean is said to be at least m. */
function baselineEvidence(byLevel: Float64Array, levels: Float64Array, samples: number, m: number): number {
  const aside = Math.log(KEPT_ASIDE);
  if (samples === 0 || m >= 1) return aside;
  const terms = [aside];
  for (const size of BASELINE_BETS) {
    const bet = Math.min(0.9, size / Math.sqrt(samples));
    let gain = Math.log((1 - KEPT_ASIDE) / BASELINE_BETS.length);
    for (let l = 0; l < levels.length; l += 1)
      if (byLevel[l] !== 0) gain += byLevel[l]! * Math.log(1 + bet * ((1 - levels[l]!) / (1 - m) - 1));
    terms.push(gain);
  }
  return lnSum(terms);
}

/** ln Σ exp(x) without overflow; −∞ of nothing. */
export function lnSum(values: readonly number[]): number {
  let most = -Infinity;
  for (const value of values) if (value > most) most = value;
  if (most === -Infinity) return -Infinity;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - most);
  return most + Math.log(sum);
}
