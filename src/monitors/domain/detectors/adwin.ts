import type { Detector } from './detector.js';

/**
 * ADWIN, adaptive windowing (Bifet, Gavaldà, "Learning from time-changing data with adaptive windowing", SDM 2007): a
 * window whose older part is dropped as soon as its mean differs from the newer part's, kept in an exponential histogram.
 * It needs no p0 and finds changes in both directions; it stands beside our detectors for comparison. Details (checks every
 * `clock` observations, cuts behind every bucket, a fresh window after an alarm) are those of River's
 * `drift.ADWIN`, whose output the tests compare.
 */
export interface AdwinOptions {
  /** Confidence value of the cut test. @default 0.002 */
  readonly delta: number;
  /** Cuts are tested every so many observations. @default 32 */
  readonly clock: number;
  /** Buckets of one size before two are merged. @default 5 */
  readonly maxBuckets: number;
  /** Least observations on either side of a cut. @default 5 */
  readonly minimumLength: number;
  /** No test while the window holds no more than this. @default 10 */
  readonly gracePeriod: number;
}

/** Buckets of 2^row observations each, oldest first: their sums and their sums of squared deviations. */
interface Row {
  readonly totals: readonly number[];
  readonly deviations: readonly number[];
}

/** Plain data: survives JSON bit for bit. Its size grows with the logarithm of the window's length. */
export interface AdwinState {
  readonly rows: readonly Row[];
  readonly width: number;
  readonly total: number;
  /** Sum of squared deviations over the window. */
  readonly deviation: number;
  readonly ticks: number;
  readonly alarm: boolean;
}

export const ADWIN_DEFAULTS: AdwinOptions = {
  delta: 0.002,
  clock: 32,
  maxBuckets: 5,
  minimumLength: 5,
  gracePeriod: 10,
};

const NO_ROW: Row = { totals: [], deviations: [] };
const FRESH: AdwinState = { rows: [NO_ROW], width: 0, total: 0, deviation: 0, ticks: 0, alarm: false };

/** An ADWIN detector. Its score is 1 at an alarm and 0 otherwise. */
export function adwin(options: Partial<AdwinOptions> = {}): Detector<AdwinState, number> {
  const settings = { ...ADWIN_DEFAULTS, ...options };
  const observe = (before: AdwinState, value: number): AdwinState => {
    // + 0 turns a negative zero, which JSON does not know, into zero.
    const grown = insert(before.alarm ? FRESH : before, value + 0, settings.maxBuckets);
    const looks = grown.ticks % settings.clock === 0 && grown.width > settings.gracePeriod;
    return looks ? shrink(grown, settings) : grown;
  };
  return {
    name: 'ADWIN',
    threshold: 1,
    start: () => FRESH,
    observe,
    observeAll: (state, batch) => batch.reduce(observe, state),
    alarmed: (state) => state.alarm,
    score: (state) => (state.alarm ? 1 : 0),
  };
}

/** Mean over the window; 0 while it is empty. */
export function adwinMean(state: AdwinState): number {
  return state.width === 0 ? 0 : state.total / state.width;
}

function insert(state: AdwinState, value: number, maxBuckets: number): AdwinState {
  const older = state.width;
  const width = older + 1;
  const apart = older === 0 ? 0 : value - state.total / older;
  return {
    rows: compress(push(state.rows, 0, value, 0), maxBuckets),
    width,
    total: state.total + value,
    deviation: state.deviation + (older * apart * apart) / width,
    ticks: state.ticks + 1,
    alarm: false,
  };
}

function push(rows: readonly Row[], index: number, total: number, deviation: number): Row[] {
  const row = rows[index] ?? NO_ROW;
  const next = { totals: [...row.totals, total], deviations: [...row.deviations, deviation] };
  return [...rows.slice(0, index), next, ...rows.slice(index + 1)];
}

/** The two oldest buckets of a row that is too full become one of the next row. */
function compress(rows: Row[], maxBuckets: number): Row[] {
  let current = rows;
  for (let index = 0; (current[index]?.totals.length ?? 0) > maxBuckets; index += 1) {
    const { totals, deviations } = current[index]!;
    const size = 2 ** index;
    const apart = totals[0]! / size - totals[1]! / size;
    const deviation = deviations[0]! + deviations[1]! + (size * apart * apart) / 2;
    const rest = { totals: totals.slice(2), deviations: deviations.slice(2) };
    const kept = current.map((row, i) => (i === index ? rest : row));
    current = push(kept, index + 1, totals[0]! + totals[1]!, deviation);
  }
  return current;
}

/** Drops the oldest bucket again and again while any cut of the window separates two different means. */
function shrink(state: AdwinState, settings: AdwinOptions): AdwinState {
  let current = state;
  while (separates(current, settings)) current = { ...dropOldest(current), alarm: true };
  return current;
}

function separates(state: AdwinState, { delta, minimumLength }: AdwinOptions): boolean {
  const { rows, width, total, deviation } = state;
  const confidence = Math.log((2 * Math.log(width)) / delta);
  const variance = deviation / width;
  let oldCount = 0;
  let oldTotal = 0;
  for (let index = rows.length - 1; index >= 0; index -= 1) {
    const { totals } = rows[index]!;
    for (let k = 0; k < totals.length; k += 1) {
      oldCount += 2 ** index;
      oldTotal += totals[k]!;
      const newCount = width - oldCount;
      if (newCount < minimumLength || oldCount < minimumLength) continue;
      const apart = Math.abs(oldTotal / oldCount - (total - oldTotal) / newCount);
      const inverse = 1 / (oldCount - minimumLength + 1) + 1 / (newCount - minimumLength + 1);
      if (apart > Math.sqrt(2 * inverse * variance * confidence) + (2 / 3) * confidence * inverse) return true;
    }
  }
  return false;
}

function dropOldest(state: AdwinState): AdwinState {
  const last = state.rows.length - 1;
  const { totals, deviations } = state.rows[last]!;
  const size = 2 ** last;
  const width = state.width - size;
  const total = state.total - totals[0]!;
  const apart = totals[0]! / size - total / width;
  const lost = deviations[0]! + (size * width * apart * apart) / (size + width);
  const rest = { totals: totals.slice(1), deviations: deviations.slice(1) };
  const rows = rest.totals.length === 0 ? state.rows.slice(0, last) : [...state.rows.slice(0, last), rest];
  return { ...state, rows, width, total, deviation: state.deviation - lost };
}
