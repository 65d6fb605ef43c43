import type { AdmittedEvent } from './admit.js';
import { stableHash } from './stable-hash.js';

/** Apart from the holdout split and from everything else that is chosen by request id. */
const PRIORITY_BASIS = 0x5bd1e995;
/** Parts that the age of a sample is cut into; each has reservoirs of its own. */
const PERIODS = 8;
/** What a kept row costs in the database beside its input (measured: 590 bytes with 36 characters of id, indexes included). */
const ROW_OVERHEAD_BYTES = 600;
/** What a byte of an input costs: longer rows are stored in pieces that do not fill their pages (measured: 1.32). */
const BYTES_STORED = 4 / 3;

/** Estimate of what one kept row occupies, tables and indexes together. */
export function sampleRowBytes(inputLength: number): number {
  return Math.ceil(inputLength * 4 * BYTES_STORED) + ROW_OVERHEAD_BYTES;
}

/**
 * A number in (0, 1) that follows from the request's id alone: uniform, and without regard to what was asked or answered.
 * A row is kept while its priority lies below a threshold, so the threshold is its chance to be kept.
 * Source: bottom-k and priority sampling: Efraimidis, Spirakis (2006) with equal weights; Duffield, Lund, Thorup (2007).
 */
export function samplePriority(requestId: string): number {
  return (stableHash(requestId, PRIORITY_BASIS) + 0.5) / 4_294_967_296;
}

/** What passes the gate of one batch, and the chance that each eligible event of the batch had to pass. */
export interface Choice {
  readonly chosen: readonly AdmittedEvent[];
  readonly chance: number;
}

/**
 * Which of a batch's answers to keep: `allowance` of them on average. The chance is settled before any of them is looked
 * at, and then the request's own priority decides, so the choice is repeatable and has nothing to do with what was
 * answered. Monitors re-score these, and a choice by class would bias them.
 */
export function chooseSamples(events: readonly AdmittedEvent[], allowance: number): Choice {
  const eligible = events.filter(({ event }) => event.input !== null && event.prediction !== null);
  const chance = eligible.length === 0 ? 1 : Math.min(1, Math.max(0, allowance) / eligible.length);
  if (chance === 1) return { chosen: eligible, chance };
  return { chosen: eligible.filter(({ event }) => samplePriority(event.requestId) < chance), chance };
}

/** Start of the period that a time belongs to, in whole seconds since 1970. */
export function periodOf(at: Date, sampleSeconds: number): number {
  const length = Math.max(1, Math.ceil(sampleSeconds / PERIODS));
  return Math.floor(at.getTime() / 1000 / length) * length;
}

/** Share of the rows that the reservoirs may hold against newer rows of the uniform stream. */
const RESERVED_SHARE = 1 / 3;

/** Rows that fit into the model's bounds, and how many of them the reservoirs may hold. */
export function sampleBounds(view: {
  readonly sampleRows: number;
  readonly sampleBytes: number;
  readonly inputLength: number;
}): { readonly rows: number; readonly reserved: number } {
  const rows = Math.min(view.sampleRows, Math.floor(view.sampleBytes / sampleRowBytes(view.inputLength)));
  return { rows, reserved: Math.floor(rows * RESERVED_SHARE) };
}

/** What a bound that was passed is cut down to, so that not every batch has to cut again. */
export function cutTo(bound: number): number {
  return Math.floor(bound * 0.9);
}

/**
 * How many rows to drop of each reservoir so that at most `limit` stay: the largest ones give first, so rare strata stay
 * longest.
 */
export function dropPlan(counts: ReadonlyMap<string, number>, limit: number): Map<string, number> {
  const sizes = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const ceiling = commonCeiling(
    sizes.map(([, size]) => size),
    limit,
  );
  const plan = new Map<string, number>();
  let spare = limit - sizes.reduce((sum, [, size]) => sum + Math.min(size, ceiling), 0);
  for (const [name, size] of sizes) {
    // The ceiling is a whole number; what is left of the limit goes to the strata above it, one row each.
    const keep = size > ceiling && spare > 0 ? ceiling + 1 : Math.min(size, ceiling);
    if (size > ceiling && spare > 0) spare -= 1;
    if (size > keep) plan.set(name, size - keep);
  }
  return plan;
}

/** The largest whole number such that strata cut down to it fit into `limit` together; `sizes` are descending. */
function commonCeiling(sizes: readonly number[], limit: number): number {
  let rest = limit;
  for (let i = sizes.length - 1; i >= 0; i -= 1) {
    const size = sizes[i] ?? 0;
    const share = Math.floor(rest / (i + 1));
    if (size > share) return share;
    rest -= size;
  }
  return Number.MAX_SAFE_INTEGER;
}

/**
 * A bucket that fills with `perSecond` up to two seconds' worth; what is taken is gone, also what was taken too much.
 * Bounds the rate of kept inputs.
 */
export interface Allowance {
  readonly tokens: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** The bucket at `now`, before anything is taken. */
export function refill(allowance: Allowance | null, perSecond: number, now: number): Allowance {
  const most = perSecond * 2;
  if (allowance === null) return { tokens: most, at: now };
  const earned = (Math.max(0, now - allowance.at) / 1000) * perSecond;
  return { tokens: Math.min(most, allowance.tokens + earned), at: now };
}
