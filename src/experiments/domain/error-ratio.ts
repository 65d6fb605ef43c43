import { logBeta, logLikelihood } from './log-beta.js';

const { exp, max, min, sqrt } = Math;

/** How often something went wrong in one arm. */
export interface ErrorCount {
  readonly errors: number;
  readonly total: number;
}

/** "The candidate's error ratio is at most `ratio` times the champion's plus `added`." */
export interface ErrorBound {
  /** Above 0; 1 = no more errors than the champion, apart from `added`. */
  readonly ratio: number;
  /** A share of requests, at least 0. */
  readonly added: number;
  /** About what error ratio is expected, 0..1: shapes the mixture; decides the power, never the error rate. */
  readonly expected: number;
}

/**
 * ln of the e-value for the claim `p(candidate) < ratio · p(champion) + added`, against H0 that it is not. Under H0 it is at
 * any time, and at all times together, at least ln(1/α) with probability at most α.
 *
 * For one arm with true error probability p, ∫ θˢ(1−θ)ᶠ dBeta(θ) / (pˢ(1−p)ᶠ) is a martingale that begins with 1 (the
 * beta-binomial mixture: H. Robbins 1970; S. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform, nonparametric,
 * nonasymptotic confidence sequences", Annals of Statistics 2021), and so is the product over both arms at the true pair, in
 * whatever order the arms' requests come, as long as which arm is next does not depend on its outcome. The smallest product
 * over all pairs in H0 is therefore an e-process for H0 (L. Wasserman, A. Ramdas, S. Balakrishnan, "Universal inference",
 * PNAS 2020). It depends on the counts alone, so batches may be looked at instead of requests.
 * Assumes: within an arm each request fails with the same probability given the past.
 */
export function logFewerErrors(candidate: ErrorCount, champion: ErrorCount, bound: ErrorBound): number {
  return mixture(candidate, bound) + mixture(champion, bound) - mostLikely(candidate, champion, bound, 'at-least');
}

/** ln of the e-value for the opposite claim: the candidate's error ratio is above the bound. Same source, same promise. */
export function logMoreErrors(candidate: ErrorCount, champion: ErrorCount, bound: ErrorBound): number {
  return mixture(candidate, bound) + mixture(champion, bound) - mostLikely(candidate, champion, bound, 'at-most');
}

/** ln of the beta mixture's likelihood; its mean is what is expected, with the weight of one request for each of its errors. */
function mixture({ errors, total }: ErrorCount, { expected }: ErrorBound): number {
  const a = 0.5;
  const b = 0.5 / min(0.5, max(1e-4, expected));
  return logBeta(a + errors, b + total - errors) - logBeta(a, b);
}

/** ln of the largest likelihood over H0: p(candidate) at least (or at most) ratio · p(champion) + added. */
function mostLikely(
  candidate: ErrorCount,
  champion: ErrorCount,
  { ratio, added }: ErrorBound,
  side: 'at-least' | 'at-most',
): number {
  const free = (p: number, { errors, total }: ErrorCount): number => logLikelihood(p, errors, total - errors);
  const best = candidate.total === 0 ? null : candidate.errors / candidate.total;
  const bestChampion = champion.total === 0 ? null : champion.errors / champion.total;
  if (isWithin(best, bestChampion, ratio, added, side)) {
    return free(best ?? 0.5, candidate) + free(bestChampion ?? 0.5, champion);
  }
  // The likelihood is concave and its peak lies outside, so the largest value is on the border p = ratio · q + added.
  const most = min(1, max(0, (1 - added) / ratio));
  const onBorder = (q: number): number => free(min(1, ratio * q + added), candidate) + free(q, champion);
  return onBorder(peak(onBorder, 0, most));
}

/** An arm without requests says nothing, so H0 holds it to nothing. */
function isWithin(
  candidate: number | null,
  champion: number | null,
  ratio: number,
  added: number,
  side: 'at-least' | 'at-most',
): boolean {
  if (candidate === null && champion === null) return true;
  if (side === 'at-least') return (candidate ?? 1) >= ratio * (champion ?? 0) + added;
  return (candidate ?? 0) <= ratio * (champion ?? 1) + added;
}

const GOLDEN = (sqrt(5) - 1) / 2;

/** Where a concave function is largest on [low, high], within 1e−8 of the length; the ends included. */
function peak(f: (x: number) => number, low: number, high: number): number {
  let [a, b] = [low, high];
  let [c, d] = [b - GOLDEN * (b - a), a + GOLDEN * (b - a)];
  let [atC, atD] = [f(c), f(d)];
  for (let i = 0; i < 40; i += 1) {
    if (atC > atD || (atC === atD && atC === -Infinity && c > (low + high) / 2)) {
      [b, d, atD] = [d, c, atC];
      c = b - GOLDEN * (b - a);
      atC = f(c);
    } else {
      [a, c, atC] = [c, d, atD];
      d = a + GOLDEN * (b - a);
      atD = f(d);
    }
  }
  return [low, high, (a + b) / 2].reduce((best, x) => (f(x) > f(best) ? x : best));
}

/** An e-value from its logarithm; finite also where the logarithm is not. */
export function wealthOf(logarithm: number): number {
  return Number.isNaN(logarithm) ? 0 : min(exp(logarithm), Number.MAX_VALUE);
}
