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
  const plan = new Map<string, number>();
  let excess = [...counts.values()].reduce((sum, count) => sum + count, 0) - limit;
  const sizes = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  for (let level = 1; excess > 0 && level <= sizes.length; level += 1) {
    // The `level` largest strata are equally large now; lower them together to the next one, or as far as needed.
    const height = (sizes[level - 1]?.[1] ?? 0) - (sizes[level]?.[1] ?? 0);
    const total = Math.min(excess, height * level);
    for (let i = 0; i < level; i += 1) {
      const share = Math.floor(total / level) + (i < total % level ? 1 : 0);
      const name = sizes[i]?.[0] ?? '';
      if (share > 0) plan.set(name, (plan.get(name) ?? 0) + share);
    }
    excess -= total;
  }
  return plan;
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
