import type { Verdict } from '../../kernel/index.js';

/** One claim about the candidate; each is proven, or its opposite is, at the metric's own level. */
export type MetricQuestion =
  /** "Its mean loss is at most `margin` above the champion's", on the same requests. */
  | { readonly kind: 'paired-quality'; readonly margin: number; readonly disagreement: number | null }
  /** "Its share of wrong answers is below the champion's plus `margin`", each on its own labelled requests. */
  | { readonly kind: 'quality'; readonly margin: number; readonly expected: number }
  /** "Its share of failed requests is below `ratio` times the champion's plus `added`." */
  | { readonly kind: 'errors'; readonly ratio: number; readonly added: number; readonly expected: number }
  /** "Its latency quantile is below `ratio` times the champion's plus `addedMs`." */
  | { readonly kind: 'latency'; readonly quantile: number; readonly ratio: number; readonly addedMs: number };

export type MetricPlan = MetricQuestion & {
  /** Unique in its experiment. */
  readonly name: string;
  /** Its part of the experiment's alpha: bound of a wrong PASS, and separately of a wrong FAIL, of this metric. */
  readonly alpha: number;
};

/** Where one metric stands. */
export interface MetricReading {
  readonly name: string;
  readonly kind: MetricQuestion['kind'];
  /** PASS and FAIL stay once they were proven; BLIND: nothing was seen yet. */
  readonly verdict: Exclude<Verdict, 'INVALID'>;
  /** Pairs, or the smaller arm's count. */
  readonly samples: number;
  /** Candidate minus champion (quality, errors) or candidate over champion (latency); null without data. */
  readonly effect: number | null;
  /** Bounds of the effect at confidence 1 − alpha at all times; null where none are kept. */
  readonly interval: { readonly low: number; readonly high: number } | null;
  /** e-values of the claim and of its opposite; each proves at `proofAt`. */
  readonly wealthPass: number;
  readonly wealthFail: number;
  readonly proofAt: number;
}

/** Splits the budget by weights; the parts sum to it. @throws RangeError when a weight is not above 0 */
export function splitAlpha(alpha: number, weights: readonly number[]): number[] {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  if (weights.some((weight) => !(weight > 0))) throw new RangeError('Every metric needs a weight above 0.');
  return weights.map((weight) => (alpha * weight) / sum);
}

/**
 * The rule for the whole experiment, while it runs: FAIL when harm is proven for any metric; PASS when every metric is
 * proven no worse; otherwise not decided (null). With the levels summing to alpha, the probability that any metric's
 * statement is ever wrong in one direction is at most alpha, so both verdicts keep it, however the metrics depend on each other.
 */
export function overall(metrics: readonly Pick<MetricReading, 'verdict'>[]): 'PASS' | 'FAIL' | null {
  if (metrics.some(({ verdict }) => verdict === 'FAIL')) return 'FAIL';
  return metrics.length > 0 && metrics.every(({ verdict }) => verdict === 'PASS') ? 'PASS' : null;
}

/** The verdict of one metric: what was proven first stays. */
export function verdictOf(
  before: MetricReading['verdict'],
  {
    samples,
    wealthPass,
    wealthFail,
    proofAt,
  }: Pick<MetricReading, 'samples' | 'wealthPass' | 'wealthFail' | 'proofAt'>,
): MetricReading['verdict'] {
  if (before === 'PASS' || before === 'FAIL') return before;
  if (wealthFail >= proofAt) return 'FAIL';
  if (wealthPass >= proofAt) return 'PASS';
  return samples === 0 ? 'BLIND' : 'UNDECIDED';
}
