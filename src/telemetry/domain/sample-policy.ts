import type { AdmittedEvent } from './admit.js';
import { stableHash } from './stable-hash.js';

/** Predicted class and confidence band: what the sample keeps a balance between. Regression has one class, `value`. */
export function stratumOf(prediction: number, confidence: number | null, classes: number | null): string {
  return `${classes === null ? 'value' : prediction}/${band(confidence)}`;
}

/**
 * Which of a batch's answers to keep, at most `allowance`: those with the lowest hash, so the choice is repeatable and
 * has nothing to do with what was answered. Monitors re-score these, and a choice by class would bias them.
 */
export function chooseSamples(events: readonly AdmittedEvent[], allowance: number): AdmittedEvent[] {
  const withInput = events.filter(({ event }) => event.input !== null && event.prediction !== null);
  if (withInput.length <= allowance) return withInput;
  const ranked = withInput.map((admitted, order) => ({ admitted, order, hash: stableHash(admitted.event.requestId) }));
  ranked.sort((a, b) => a.hash - b.hash || a.order - b.order);
  return ranked
    .slice(0, Math.max(0, Math.floor(allowance)))
    .sort((a, b) => a.order - b.order)
    .map(({ admitted }) => admitted);
}

/**
 * How many of the oldest rows to drop of each stratum so that at most `limit` stay: the largest strata give first, so
 * rare classes and unsure answers stay longest.
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

/** A bucket that fills with `perSecond` up to two seconds' worth; what is taken is gone. Bounds the rate of kept inputs. */
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

function band(confidence: number | null): string {
  if (confidence === null) return 'none';
  if (confidence < 0.6) return 'low';
  return confidence < 0.9 ? 'mid' : 'high';
}
