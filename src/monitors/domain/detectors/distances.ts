/**
 * How far two histograms over the same bins are apart, in the measures that people know. They describe a shift; what raises
 * the alarm is `shift-detector.ts`. None of them knows how often one looks.
 */

/** Half a count a bin keeps PSI finite when a bin is empty on one side. */
const SMOOTHING = 0.5;

/** Values that people commonly take for a shift worth a look; shown beside the measured ones, they decide nothing. */
export const CUSTOMARY = { psi: 0.1, jensenShannon: 0.1, wassersteinStd: 0.1 } as const;

export interface Distances {
  /** Population stability index Σ (r − b)·ln(r/b); by custom 0.1 is moderate and 0.25 a large shift. */
  readonly psi: number;
  /** Jensen–Shannon divergence in bits, 0..1. */
  readonly jensenShannon: number;
  /** Largest difference of the distribution functions at the bins' edges; null without an order of the bins. */
  readonly kolmogorovSmirnov: number | null;
  /** Upper bound of its p-value. */
  readonly ksPValue: number | null;
  /** Wasserstein-1 distance in the feature's own unit; null where there is none. */
  readonly wasserstein: number | null;
  /** The same in standard deviations of the baseline. */
  readonly wassersteinStd: number | null;
}

/** Moments of the values behind a histogram, as far as they are known. */
export interface Spread {
  readonly count: number;
  readonly mean: number;
  /** Sum of squared deviations from the mean. */
  readonly m2: number;
}

/** PSI and Jensen–Shannon of two histograms; both 0 when either is empty. */
export function divergences(
  baseline: readonly number[],
  recent: readonly number[],
): Pick<Distances, 'psi' | 'jensenShannon'> {
  const baseTotal = sum(baseline);
  const recentTotal = sum(recent);
  if (baseTotal === 0 || recentTotal === 0) return { psi: 0, jensenShannon: 0 };
  let psi = 0;
  let jensenShannon = 0;
  const slack = SMOOTHING * baseline.length;
  baseline.forEach((count, i) => {
    const b = (count + SMOOTHING) / (baseTotal + slack);
    const r = ((recent[i] ?? 0) + SMOOTHING) / (recentTotal + slack);
    psi += (r - b) * Math.log(r / b);
    const middle = (b + r) / 2;
    jensenShannon += (b * Math.log2(b / middle) + r * Math.log2(r / middle)) / 2;
  });
  return { psi, jensenShannon };
}

/**
 * Kolmogorov–Smirnov statistic of two histograms of ordered bins, and a bound of its p-value that is valid for one look.
 *
 * The largest difference at the edges is never larger than that of the values behind the bins, so a bound for those holds
 * here as well: P(D ≥ d) ≤ e·exp(−2d²·nm/(n + m)), the two-sample form of the Dvoretzky–Kiefer–Wolfowitz inequality with
 * the constant that Wei and Dudley (Statistics & Probability Letters 2012) give for all sample sizes.
 */
export function kolmogorovSmirnov(
  baseline: readonly number[],
  recent: readonly number[],
): { readonly distance: number; readonly pValue: number } {
  const n = sum(baseline);
  const m = sum(recent);
  if (n === 0 || m === 0) return { distance: 0, pValue: 1 };
  const distance = Math.max(...differences(baseline, recent, n, m).map(Math.abs));
  return { distance, pValue: Math.min(1, Math.exp(1 - (2 * distance * distance * n * m) / (n + m))) };
}

/**
 * Wasserstein-1 distance ∫|F − G| between two histograms, each taken as evenly spread within a bin. Of the two open bins at
 * the ends nobody knows how far they reach, so it is a lower bound; the difference of the means is one as well, and the
 * larger of the two is given. `edges` are the inner edges.
 */
export function wasserstein(
  edges: readonly number[],
  baseline: readonly number[],
  recent: readonly number[],
  spread?: { readonly baseline: Spread; readonly recent: Spread },
): { readonly distance: number; readonly standardised: number | null } {
  const n = sum(baseline);
  const m = sum(recent);
  if (n === 0 || m === 0) return { distance: 0, standardised: null };
  const apart = differences(baseline, recent, n, m);
  let area = 0;
  for (let i = 0; i + 1 < edges.length; i += 1) area += between(apart[i]!, apart[i + 1]!) * (edges[i + 1]! - edges[i]!);
  const means = spread === undefined ? 0 : Math.abs(spread.baseline.mean - spread.recent.mean);
  const distance = Math.max(area, means);
  const deviation = spread === undefined ? 0 : Math.sqrt(spread.baseline.m2 / Math.max(1, spread.baseline.count));
  return { distance, standardised: deviation > 0 ? distance / deviation : null };
}

/** F − G at the inner edges. */
function differences(baseline: readonly number[], recent: readonly number[], n: number, m: number): number[] {
  let f = 0;
  let g = 0;
  return baseline.slice(0, -1).map((count, i) => {
    f += count / n;
    g += (recent[i] ?? 0) / m;
    return f - g;
  });
}

/** Mean of |x| while x runs evenly from a to b. */
function between(a: number, b: number): number {
  if (a * b >= 0) return Math.abs(a + b) / 2;
  return (a * a + b * b) / (2 * Math.abs(a - b));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
