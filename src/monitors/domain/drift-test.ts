import { chiSquareTail } from './special-functions.js';

/** Bins with fewer expected counts are joined with their neighbour, where the chi-square approximation needs it. */
const LEAST_EXPECTED = 10;
/** Half a count a bin keeps PSI finite when a bin is empty on one side. */
const SMOOTHING = 0.5;

export interface DriftTest {
  /** Population stability index Σ (r − b)·ln(r/b); by custom 0.1 is moderate and 0.25 a large shift. */
  readonly psi: number;
  /** Jensen–Shannon divergence in bits, 0..1. */
  readonly jensenShannon: number;
  /** The larger of the G-test's and Pearson's; 1 when too little is left to compare. */
  readonly pValue: number;
}

/**
 * Compares two histograms over the same bins.
 *
 * The test is the two-sample likelihood-ratio test of homogeneity, G = 2 Σ O·ln(O/E) over the 2 × K table with
 * Williams' correction (Williams, Biometrika 1976), against chi-square with K − 1 degrees of freedom; Pearson's
 * X² = Σ (O − E)²/E must agree, because far out in the tail G alone rejects somewhat too often where counts are small.
 * Both rows are samples, so a small baseline makes it less sensitive, not wrong.
 */
export function compareHistograms(baseline: readonly number[], recent: readonly number[]): DriftTest {
  const baseTotal = sum(baseline);
  const recentTotal = sum(recent);
  if (baseTotal === 0 || recentTotal === 0) return { psi: 0, jensenShannon: 0, pValue: 1 };
  return { ...effectSizes(baseline, recent, baseTotal, recentTotal), pValue: homogeneity(baseline, recent) };
}

function effectSizes(baseline: readonly number[], recent: readonly number[], baseTotal: number, recentTotal: number) {
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

function homogeneity(baseline: readonly number[], recent: readonly number[]): number {
  const table = joinSparseBins(baseline, recent);
  if (table.length < 2) return 1;
  const rows = [sum(table.map((bin) => bin[0])), sum(table.map((bin) => bin[1]))] as const;
  const total = rows[0] + rows[1];
  let g = 0;
  let pearson = 0;
  let inverseColumns = 0;
  for (const bin of table) {
    const column = bin[0] + bin[1];
    inverseColumns += total / column;
    for (const side of [0, 1] as const) {
      const expected = (rows[side] * column) / total;
      if (bin[side] > 0) g += 2 * bin[side] * Math.log(bin[side] / expected);
      pearson += (bin[side] - expected) ** 2 / expected;
    }
  }
  const degrees = table.length - 1;
  const williams = 1 + ((total / rows[0] + total / rows[1] - 1) * (inverseColumns - 1)) / (6 * total * degrees);
  return chiSquareTail(Math.min(g / williams, pearson), degrees);
}

/** Neighbouring bins together until both rows expect at least ten in each. */
function joinSparseBins(baseline: readonly number[], recent: readonly number[]): [number, number][] {
  const share = Math.min(sum(baseline), sum(recent)) / (sum(baseline) + sum(recent));
  const joined: [number, number][] = [];
  let open: [number, number] = [0, 0];
  baseline.forEach((count, i) => {
    open = [open[0] + count, open[1] + (recent[i] ?? 0)];
    if ((open[0] + open[1]) * share >= LEAST_EXPECTED) {
      joined.push(open);
      open = [0, 0];
    }
  });
  const last = joined.at(-1);
  if (last === undefined) return open[0] + open[1] > 0 ? [open] : [];
  last[0] += open[0];
  last[1] += open[1];
  return joined;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
