const { exp, log, log1p, max, min } = Math;

/** So many values in (low, high], or exactly at `high` where `low === high`. */
export interface Cell {
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** "The candidate's quantile is at most `ratio` times the champion's plus `added`." */
export interface QuantileBound {
  /** 0..1, e.g. 0.95. */
  readonly quantile: number;
  /** Above 0. */
  readonly ratio: number;
  /** In the unit of the values. */
  readonly added: number;
}

/** How many times more (or fewer) values lie beyond the quantile than should: the alternatives of the mixture, equal weights. */
const FEWER_BEYOND = [0.05, 0.2, 0.4, 0.6, 0.75, 0.87];
const MORE_BEYOND = [1.15, 1.35, 1.7, 2.4, 4, 8];

/**
 * ln of the e-value for the claim Q(candidate) < ratio · Q(champion) + added about the arms' p-quantiles, against H0 that
 * it is not; at all times together it reaches ln(1/α) under H0 with probability at most α.
 *
 * Under H0 there is a y with P(X < y) ≤ p for the candidate and P(X ≤ (y − added)/ratio) ≥ p for the champion (y = the
 * candidate's quantile). The number of values below y is then the sum of Bernoulli trials on the wrong side of p, for which a
 * mixture of likelihood ratios is a supermartingale that begins with 1; so is the product over both arms; the least product
 * over all y is an e-process. That is the sequential test of two quantiles of S. Howard, A. Ramdas, "Sequential
 * estimation of quantiles with applications to A/B testing and best-arm identification", Bernoulli 2022, section 5, with a
 * one-sided mixture over a grid. The distributions are arbitrary, also with atoms; within an arm each value must have the
 * same distribution given the past; the arms' values may come in any order.
 *
 * What cells do to it: a value is known only to lie within its cell. Every count is rounded against the claim (cells that
 * reach up to y count as above it in the candidate, cells that begin below as below in the champion), so the bound holds for
 * the true latencies with exactly this ratio and `added`; it is power that is lost: with cells of relative width w a claim
 * needs quantiles that are about w² closer than without. Raw values are cells of no width and lose nothing.
 * @param candidate, champion disjoint, ascending
 */
export function logQuantileBelow(candidate: readonly Cell[], champion: readonly Cell[], bound: QuantileBound): number {
  const { quantile, ratio, added } = bound;
  const all = total(candidate);
  const others = total(champion);
  const few = ladder(quantile, FEWER_BEYOND);
  const many = ladder(quantile, MORE_BEYOND);
  let least = Infinity;
  let below = 0;
  let next = 0;
  let reached = 0;
  // y in (highest of the cells before, this cell's highest]; behind the last one everything is below.
  for (let i = 0; i <= candidate.length; i += 1) {
    const y = candidate[i]?.high ?? Infinity;
    const t = (y - added) / ratio;
    while (next < champion.length && isReached(champion[next] as Cell, t)) {
      reached += (champion[next] as Cell).count;
      next += 1;
    }
    least = min(least, mixtureOf(few, below, all) + mixtureOf(many, reached, others));
    below += candidate[i]?.count ?? 0;
  }
  return least;
}

/** ln of the e-value for the opposite claim, Q(candidate) > ratio · Q(champion) + added: the same with the arms' parts exchanged. */
export function logQuantileAbove(candidate: readonly Cell[], champion: readonly Cell[], bound: QuantileBound): number {
  const { quantile, ratio, added } = bound;
  return logQuantileBelow(champion, candidate, { quantile, ratio: 1 / ratio, added: -added / ratio });
}

/** Raw values as cells of no width. */
export function cellsOf(values: readonly number[]): Cell[] {
  const cells: { low: number; high: number; count: number }[] = [];
  for (const value of [...values].sort((a, b) => a - b)) {
    const last = cells.at(-1);
    if (last?.high === value) last.count += 1;
    else cells.push({ low: value, high: value, count: 1 });
  }
  return cells;
}

function isReached({ low, high }: Cell, t: number): boolean {
  return low === high ? high <= t : low < t;
}

interface Rung {
  /** ln of the likelihood ratio of a value below the quantile, and of one beyond. */
  readonly below: number;
  readonly beyond: number;
}

function ladder(quantile: number, factors: readonly number[]): Rung[] {
  return factors.map((factor) => {
    const beyond = min((1 - quantile) * factor, 1 - quantile / 100);
    return { below: log1p(-beyond) - log(quantile), beyond: log(beyond) - log1p(-quantile) };
  });
}

function mixtureOf(rungs: readonly Rung[], below: number, count: number): number {
  if (count === 0) return 0;
  const terms = rungs.map((rung) => below * rung.below + (count - below) * rung.beyond);
  const largest = max(...terms);
  return largest + log(terms.reduce((sum, term) => sum + exp(term - largest), 0) / rungs.length);
}

function total(cells: readonly Cell[]): number {
  return cells.reduce((sum, { count }) => sum + count, 0);
}
