import type { Window } from '../../telemetry/index.js';

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
}

export const EMPTY_TALLY: Tally = { requests: 0, features: {} };

/** The input features of windows, added up. Windows whose bins changed on the way start that feature again. */
export function tallyInputs(windows: readonly Window[]): Tally {
  return windows.reduce<Tally>((tally, window) => {
    const features = Object.fromEntries(
      Object.entries(window.features).map(([name, { edges, counts }]) => [name, { bins: edges, counts }]),
    );
    return addTallies(tally, { requests: window.requests, features });
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
  return { requests: older.requests + newer.requests, features };
}

/** Both histograms over one set of bins, or null when they cannot be compared. */
export function align(a: Counts, b: Counts): readonly [readonly number[], readonly number[]] | null {
  if (sameBins(a, b)) return [a.counts, b.counts];
  if (!isNamed(a) || !isNamed(b)) return null;
  const names = [...new Set([...a.bins, ...b.bins])].sort();
  return [names.map((name) => at(a, name)), names.map((name) => at(b, name))];
}

function add(older: Counts, newer: Counts): Counts {
  if (sameBins(older, newer))
    return { bins: older.bins, counts: older.counts.map((count, i) => count + (newer.counts[i] ?? 0)) };
  if (!isNamed(older) || !isNamed(newer)) return newer;
  const bins = [...new Set([...older.bins, ...newer.bins])].sort();
  return { bins, counts: bins.map((name) => at(older, name) + at(newer, name)) };
}

function sameBins(a: Counts, b: Counts): boolean {
  return a.bins.length === b.bins.length && a.bins.every((bin, i) => bin === b.bins[i]);
}

function isNamed(counts: Counts): boolean {
  // Class histograms have a name a bin, feature histograms one edge less than bins.
  return counts.bins.length === counts.counts.length;
}

function at(counts: Counts, name: number | string): number {
  return counts.counts[counts.bins.indexOf(name)] ?? 0;
}
