import type { BurnRate } from '../../models/index.js';
import { binomialTail } from './special-functions.js';

/**
 * Multi-window burn rates (Google, "The Site Reliability Workbook", chapter 5). An objective allows a share of bad
 * requests, its error budget; a burn rate of 1 uses it up exactly. A rule fires while the budget burns faster than `factor`
 * over a long and over a short window: the long one makes it significant, the short one ends it soon after all is well.
 *
 * On little traffic one bad request is a burn rate of anything, so a rule also needs the exact binomial probability of so
 * many bad ones over the long window to be below its share of the false-alarm level: each look at m new requests may spend
 * m/(A·rules), whatever was looked at before (union bound), so that at most n/A false alarms are expected in n requests.
 */

/** A rule's short window is made of so many buckets, its long one of at most the other number. */
const BUCKETS_A_SHORT_WINDOW = 10;
const MOST_BUCKETS = 500;
/** Where nothing at all is allowed, one bad request burns that fast; JSON holds no infinity. */
const LARGEST_BURN = 1e9;

/** Requests by time, in buckets: `[start in milliseconds since 1970, requests, bad ones]`. Plain data. */
export interface Ring {
  readonly widthMs: number;
  readonly buckets: readonly (readonly [number, number, number])[];
}

/** What a rule saw when it was last looked at. */
export interface BurnLook {
  readonly rule: BurnRate;
  /** Milliseconds since 1970: end of the newest window in it. */
  readonly at: number;
  readonly requests: number;
  readonly bad: number;
  readonly longBurn: number;
  /** null = no request in the short window. */
  readonly shortBurn: number | null;
  readonly pValue: number;
  readonly level: number;
  readonly fires: boolean;
}

/** Plain data: survives JSON bit for bit. Rings by rule; rules that the document no longer has are dropped. */
export interface BurnState {
  readonly rings: Readonly<Record<string, Ring>>;
  readonly looks: readonly BurnLook[];
}

export const NEW_BURN: BurnState = { rings: {}, looks: [] };

/** One window's requests as an objective sees them. */
export interface BurnCounts {
  readonly start: number;
  readonly seconds: number;
  readonly requests: number;
  readonly bad: number;
}

/**
 * Adds one window and looks.
 * @param budget the share of bad requests that is allowed, within (0, 1]
 * @param spend m/A split over the tests that share it: the level for one request
 */
export function observeBurn(
  state: BurnState,
  window: BurnCounts,
  rules: readonly BurnRate[],
  budget: number,
  spend: number,
): BurnState {
  const rings: Record<string, Ring> = {};
  const looks: BurnLook[] = [];
  for (const rule of rules) {
    const key = `${rule.longSeconds}/${rule.shortSeconds}`;
    const ring = addTo(state.rings[key] ?? { widthMs: widthOf(rule, window.seconds), buckets: [] }, window, rule);
    rings[key] = ring;
    looks.push(lookAt(ring, rule, window, budget, Math.min(1, spend * window.requests)));
  }
  return { rings, looks };
}

/** The rule in words: `1 h and 5 min`. */
export function ruleName({ longSeconds, shortSeconds }: BurnRate): string {
  return `${span(longSeconds)} and ${span(shortSeconds)}`;
}

function lookAt(ring: Ring, rule: BurnRate, window: BurnCounts, budget: number, level: number): BurnLook {
  const at = window.start + window.seconds * 1000;
  const long = sumSince(ring, at - rule.longSeconds * 1000);
  const short = sumSince(ring, at - Math.max(rule.shortSeconds * 1000, ring.widthMs));
  const burn = ({ requests, bad }: { requests: number; bad: number }): number =>
    bad === 0 ? 0 : Math.min(LARGEST_BURN, bad / requests / budget);
  const longBurn = burn(long);
  const shortBurn = short.requests === 0 ? null : burn(short);
  const pValue = binomialTail(long.bad, long.requests, budget);
  const fires = longBurn >= rule.factor && (shortBurn ?? 0) >= rule.factor && pValue < level;
  return { rule, at, ...long, longBurn, shortBurn, pValue, level, fires };
}

function addTo(ring: Ring, window: BurnCounts, rule: BurnRate): Ring {
  const start = Math.floor(window.start / ring.widthMs) * ring.widthMs;
  const oldest = window.start + window.seconds * 1000 - rule.longSeconds * 1000 - ring.widthMs;
  const kept = ring.buckets.filter(([at]) => at >= oldest);
  const place = kept.findIndex(([at]) => at === start);
  if (place < 0)
    return { ...ring, buckets: [...kept, [start, window.requests, window.bad] as const].slice(-MOST_BUCKETS) };
  const [, requests, bad] = kept[place]!;
  const added = [start, requests + window.requests, bad + window.bad] as const;
  return { ...ring, buckets: kept.map((bucket, i) => (i === place ? added : bucket)) };
}

function sumSince({ buckets, widthMs }: Ring, since: number): { requests: number; bad: number } {
  // A bucket counts where its middle lies.
  return buckets.reduce(
    (sum, [at, requests, bad]) =>
      at + widthMs / 2 < since ? sum : { requests: sum.requests + requests, bad: sum.bad + bad },
    { requests: 0, bad: 0 },
  );
}

function widthOf({ longSeconds, shortSeconds }: BurnRate, windowSeconds: number): number {
  return 1000 * Math.max(windowSeconds, shortSeconds / BUCKETS_A_SHORT_WINDOW, longSeconds / (MOST_BUCKETS - 2));
}

function span(seconds: number): string {
  if (seconds >= 3_600 && seconds % 3_600 === 0) return `${seconds / 3_600} h`;
  return seconds >= 60 && seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}
