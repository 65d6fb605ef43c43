import { type Moments, mergeMoments, type Window } from '../../telemetry/index.js';

/** Counts by bin with the names of their bins; plain data. Bins of different keys are never added. */
export interface Counts {
  /** Inner edges, or class names: what the bins mean. */
  readonly bins: readonly (number | string)[];
  readonly counts: readonly number[];
}

/** Counts of one or several windows by feature; `requests` are the answers behind them. */
export interface Tally {
  readonly requests: number;
  readonly features: Readonly<Record<string, Counts>>;
  /** Of the features that have them. */
  readonly moments?: Readonly<Record<string, Moments>>;
}

export const EMPTY_TALLY: Tally = { requests: 0, features: {} };

/** The input features of windows, added up. Windows whose bins changed on the way start that feature again. */
export function tallyInputs(windows: readonly Window[]): Tally {
  return windows.reduce<Tally>((tally, window) => {
    const features = Object.fromEntries(
      Object.entries(window.features).map(([name, { edges, counts }]) => [name, { bins: edges, counts }]),
    );
    return addTallies(tally, { requests: window.requests, features, moments: window.moments });
  }, EMPTY_TALLY);
}

/** Predicted classes of windows, added up; one feature called `class`. */
export function tallyPredictions(windows: readonly Window[]): Tally {
  return windows.reduce<Tally>((tally, window) => {
    const classes = Object.keys(window.predictions).sort();
    const counts = classes.map((name) => window.predictions[name] ?? 0);
    return addTallies(tally, { requests: window.requests, features: { class: { bins: classes, counts } } });
  }, EMPTY_TALLY);
}

/** Adds two tallies; class names are united, histograms with other edges replace the older ones. */
export function addTallies(older: Tally, newer: Tally): Tally {
  const features: Record<string, Counts> = { ...older.features };
  for (const [name, counts] of Object.entries(newer.features)) {
    const known = features[name];
    features[name] = known === undefined ? counts : add(known, counts);
  }
  const moments: Record<string, Moments> = { ...older.moments };
  for (const [name, values] of Object.entries(newer.moments ?? {})) {
    const known = moments[name];
    moments[name] = known === undefined ? values : mergeMoments(known, values);
  }
  return { requests: older.requests + newer.requests, features, moments };
}

/** Whether the bins are intervals in ascending order, not names. */
export function isOrdered(counts: Counts): boolean {
  // Class histograms have a name a bin, feature histograms one edge less than bins.
  return counts.bins.length !== counts.counts.length;
}

/**
 * The counts in the bins of a baseline, null when they cannot be brought there. Named bins get one more at the end: for all
 * names that the baseline does not have.
 */
export function inBinsOf(baseline: Counts, counts: Counts): readonly number[] | null {
  if (isOrdered(baseline)) return sameBins(baseline, counts) ? counts.counts : null;
  if (isOrdered(counts)) return null;
  const known = baseline.bins.map((name) => at(counts, name));
  const total = counts.counts.reduce((sum, count) => sum + count, 0);
  return [...known, total - known.reduce((sum, count) => sum + count, 0)];
}

function add(older: Counts, newer: Counts): Counts {
  if (sameBins(older, newer))
    return { bins: older.bins, counts: older.counts.map((count, i) => count + (newer.counts[i] ?? 0)) };
  if (isOrdered(older) || isOrdered(newer)) return newer;
  const bins = [...new Set([...older.bins, ...newer.bins])].sort();
  return { bins, counts: bins.map((name) => at(older, name) + at(newer, name)) };
}

function sameBins(a: Counts, b: Counts): boolean {
  return (
    isOrdered(a) === isOrdered(b) && a.bins.length === b.bins.length && a.bins.every((bin, i) => bin === b.bins[i])
  );
}

function at(counts: Counts, name: number | string): number {
  return counts.counts[counts.bins.indexOf(name)] ?? 0;
}
