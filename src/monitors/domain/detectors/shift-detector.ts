import { countsByLevel, CELLS, type Direction, lnSum, type ShiftDesign } from './shift-design.js';

/**
 * Sequential test for a shift of one feature's distribution against a baseline of counts (directions and W: see
 * `shift-design.ts`), fed with batches of counts.
 *
 * From every possible beginning of a shift runs a bet on the answers since then: for a true baseline mean of m the factor
 * Π (1 + f·(g/m − 1)) has mean at most 1 while the stream's mean of g is at most m. The beginnings' products, each times
 * the answers of its batch, add up to a Shiryaev–Roberts statistic S(m) with E[S(m)] ≤ n; multiplied with W(m) and taken at
 * its least over m the unknown m is covered: while the true mean is not below the baseline's sample mean, the score is at
 * most W·S at the true mean. Below it no m is looked at, and W at the sample mean stands in (at most 1, but more than W at
 * the true mean); counted over all baselines that makes the constant at most about 1.03: the expected score stays at most
 * 1.03·n, whatever the true distribution is, and P(score reaches A within n answers) ≤ 1.03·n/A + BASELINE_MISS for
 * baseline and stream together, however often one looks (Doob's inequality, as n − S is a supermartingale). Scores of several features may be averaged whatever their dependence.
 *
 * A beginning counts only where the estimated rise since then is at least the direction's `least`: leaving evidence out
 * cannot raise a false alarm, and a shift that is proven but tiny never becomes one.
 *
 * Beginnings are thinned out by age: the one before batch t lives for 4·2^v batches, v = how often 2 divides t. That leaves
 * some two an octave, at the price of a change point that is coarse and an n that counts less.
 */
export interface Beginning {
  /** Index of the first batch after it, from 1. */
  readonly batch: number;
  /** Answers of that batch, at most `mostStarts`. */
  readonly weight: number;
  /** Answers since then by bin. */
  readonly counts: readonly number[];
}

/** Plain data, whole numbers only: survives JSON bit for bit. */
export interface ShiftState {
  readonly batches: number;
  /** Oldest first. */
  readonly beginnings: readonly Beginning[];
}

export const NEW_SHIFT: ShiftState = { batches: 0, beginnings: [] };
const LIFE = 4;

/** The state after a batch of counts. Empty batches leave it as it is. */
export function observeShift(state: ShiftState, counts: readonly number[], mostStarts: number): ShiftState {
  const answers = counts.reduce((sum, count) => sum + count, 0);
  if (answers === 0) return state;
  const batches = state.batches + 1;
  const newest = { batch: batches, weight: Math.min(answers, mostStarts), counts: counts.map(() => 0) };
  return {
    batches,
    beginnings: [...state.beginnings, newest]
      .filter(({ batch }) => batches - batch < LIFE * (batch & -batch))
      .map((one) => ({ ...one, counts: one.counts.map((count, i) => count + counts[i]!) })),
  };
}

export interface ShiftEvidence {
  /** ln of the score, −∞ when nothing counts; to be compared with ln A. */
  readonly lnScore: number;
  /** Where most of it comes from. */
  readonly direction: string | null;
}

/** The evidence of a shift now. */
export function shiftEvidence(design: ShiftDesign, state: ShiftState): ShiftEvidence {
  let best: { readonly name: string; readonly part: number } | null = null;
  const parts: number[] = [];
  const totals = state.beginnings.map(({ counts }) => counts.reduce((sum, count) => sum + count, 0));
  for (const direction of design.directions) {
    const score = directionScore(direction, state.beginnings, totals);
    if (score === -Infinity) continue;
    const part = Math.log(direction.weight) + score;
    parts.push(part);
    if (best === null || part > best.part) best = { name: direction.name, part };
  }
  return { lnScore: lnSum(parts), direction: best?.name ?? null };
}

/** Estimated rise of a direction's mean in a block of counts; 0 for an empty one. */
export function estimatedRise(
  direction: Direction,
  counts: readonly number[],
  total = counts.reduce((sum, count) => sum + count, 0),
): number {
  if (total === 0) return 0;
  if (direction.bin !== null) return counts[direction.bin]! / total - direction.mean;
  let sum = 0;
  for (let i = 0; i < counts.length; i += 1) sum += counts[i]! * direction.scores[i]!;
  return sum / total - direction.mean;
}

function directionScore(direction: Direction, beginnings: readonly Beginning[], totals: readonly number[]): number {
  const counted = beginnings
    .filter(({ counts }, i) => estimatedRise(direction, counts, totals[i]) >= direction.least)
    .map(({ weight, counts }) => ({ start: Math.log(weight), byLevel: countsByLevel(direction, counts) }));
  if (counted.length === 0) return -Infinity;
  let least = Infinity;
  for (let cell = 0; cell < CELLS; cell += 1)
    least = Math.min(least, direction.baseline[cell]! + cellScore(direction, cell, counted));
  return least;
}

function cellScore(
  { gains, bets, levels }: Direction,
  cell: number,
  counted: readonly { readonly start: number; readonly byLevel: Float64Array }[],
): number {
  const share = Math.log(bets);
  const terms: number[] = [];
  for (const { start, byLevel } of counted)
    for (let bet = 0; bet < bets; bet += 1) {
      let gain = start - share;
      const at = (cell * bets + bet) * levels.length;
      for (let l = 0; l < levels.length; l += 1) gain += byLevel[l]! * gains[at + l]!;
      terms.push(gain);
    }
  return lnSum(terms);
}
