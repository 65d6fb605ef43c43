import { type BettingPlan, growthShare } from './betting.js';
import { type ErrorBound, logFewerErrors } from './error-ratio.js';
import type { MetricPlan } from './metric.js';
import { type Cell, logQuantileBelow } from './quantile-test.js';

const { abs, ceil, exp, log, log1p, max, min, PI, sqrt } = Math;

/** With this probability an equal candidate is to be through by the planned number. */
export const POWER = 0.8;
/** Nothing is planned beyond it; a plan that needs more has no number. */
const MOST = 1e9;

/** What was reckoned before an experiment began. */
export interface PowerPlan {
  /** Share of requests on which the two are expected to differ in being right; null where that is not asked. */
  readonly disagreement: number | null;
  /** Samples of each metric (pairs, or requests of each arm) by which an equal candidate has passed with 80 %; null = unknown. */
  readonly metrics: readonly { readonly name: string; readonly samples: number | null }[];
  /** The most of these; null = no metric's number is known. */
  readonly samples: number | null;
  /** Requests a second of this model, as telemetry has seen them of late; null = none, so no time can be told. */
  readonly requestsPerSecond: number | null;
  /** How long that takes at this traffic, in seconds. */
  readonly seconds: number | null;
  /** Smallest margin that `maxSamples` and `maxSeconds` would decide; null = none below 1. */
  readonly decidableMargin: number | null;
}

/**
 * Pairs by which the betting test has decided with probability `POWER`, for a candidate whose true mean difference is
 * `effect`: promoted when that is above −margin, harm proven when below. The log-wealth grows like a random walk whose drift
 * and variance per pair follow from the bets in their steady state; its first passage of ln(1/α) is taken as inverse
 * Gaussian (E. Schrödinger 1915; Folks, Chhikara, JRSS-B 1978), which simulation confirms within some 15 %. Infinity at
 * effect = −margin.
 */
export function pairsToDecide(plan: BettingPlan & { readonly disagreement: number }, effect = 0): number {
  const { margin, alpha } = plan;
  const side = effect + margin >= 0 ? 1 : -1;
  const differing = min(1, max(plan.disagreement, abs(effect)));
  const up = (differing + effect) / 2;
  const down = (differing - effect) / 2;
  const gain = abs(effect + margin);
  const variance = max(differing - effect * effect, 0);
  const share = growthShare(gain, variance, 1 - side * margin);
  const win = (difference: number): number => log1p(side * share * (difference + margin));
  const drift = up * win(1) + (1 - differing) * win(0) + down * win(-1);
  if (!(drift > 0)) return Infinity;
  const square = up * win(1) ** 2 + (1 - differing) * win(0) ** 2 + down * win(-1) ** 2;
  const barrier = -log(alpha);
  return ceil(passage(barrier / drift, barrier ** 2 / max(square - drift * drift, 1e-15), POWER));
}

/** Requests of each arm by which an equal candidate's error ratio has most likely been proven; Infinity = never. */
export function requestsForErrors(bound: ErrorBound, alpha: number): number {
  const { expected } = bound;
  if (expected * bound.ratio + bound.added <= expected) return Infinity;
  const at = (total: number) => ({ errors: expected * total, total });
  return withSpread((total) => logFewerErrors(at(total), at(total), bound), alpha);
}

/** The same for the latency quantile, where both arms' latencies lie like these. */
export function requestsForLatency(
  seen: readonly Cell[],
  question: Extract<MetricPlan, { kind: 'latency' }>,
): number | null {
  const all = seen.reduce((sum, { count }) => sum + count, 0);
  if (all === 0) return null;
  const scaled = (total: number): Cell[] => seen.map((cell) => ({ ...cell, count: (cell.count * total) / all }));
  const { quantile, ratio, addedMs } = question;
  const e = (total: number): number =>
    logQuantileBelow(scaled(total), scaled(total), { quantile, ratio, added: addedMs });
  return withSpread(e, question.alpha);
}

/**
 * Smallest total at which the logarithm of an e-value at its expected counts reaches the proof with room for chance: a
 * log-likelihood ratio of mean L spreads by about √(2 L), and the room is 0.84 (the 80 % quantile) of that.
 */
function withSpread(logarithm: (total: number) => number, alpha: number): number {
  const needed = -log(alpha);
  const isEnough = (total: number): boolean => logarithm(total) - 0.84 * sqrt(2 * needed) >= needed;
  let high = 64;
  while (high < MOST && !isEnough(high)) high *= 2;
  if (high >= MOST) return Infinity;
  let low = high / 2;
  while (high - low > max(1, low / 100)) {
    const middle = (low + high) / 2;
    if (isEnough(middle)) high = middle;
    else low = middle;
  }
  return ceil(high);
}

/** The smallest margin for which `needed` stays within `room`, within 1 %; null when even the largest does not. */
export function decidableMargin(needed: (margin: number) => number, room: number): number | null {
  let [low, high] = [1e-5, 0.5];
  if (needed(high) > room) return null;
  if (needed(low) <= room) return low;
  while (high / low > 1.01) {
    const middle = sqrt(low * high);
    if (needed(middle) <= room) high = middle;
    else low = middle;
  }
  return high;
}

/** The `share` quantile of the inverse Gaussian with this mean and shape. */
function passage(mean: number, shape: number, share: number): number {
  if (shape / mean > 300) return mean * (1 + 0.84 * sqrt(mean / shape));
  const below = (x: number): number =>
    normal(sqrt(shape / x) * (x / mean - 1)) + exp((2 * shape) / mean) * normal(-sqrt(shape / x) * (x / mean + 1));
  let [low, high] = [mean / 1000, mean * 1000];
  for (let i = 0; i < 60; i += 1) {
    const middle = sqrt(low * high);
    if (below(middle) < share) low = middle;
    else high = middle;
  }
  return high;
}

/** Standard normal distribution function, relative error below 1e−10 in the tails (continued fraction beyond 3, series within). */
function normal(x: number): number {
  if (x > 0) return 1 - normal(-x);
  const density = exp((-x * x) / 2) / sqrt(2 * PI);
  if (x < -3) {
    let fraction = 0;
    for (let k = 60; k >= 1; k -= 1) fraction = k / (-x + fraction);
    return density / (-x + fraction);
  }
  let [term, sum] = [x, x];
  for (let k = 1; k < 60; k += 1) {
    term *= (x * x) / (2 * k + 1);
    sum += term;
  }
  return max(0, 0.5 + density * sum);
}
