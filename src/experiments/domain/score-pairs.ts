import type { PairedAnswer } from '../../telemetry/index.js';
import type { Difference } from './betting.js';

/** A pair that has entered the test; what entered never changes, and neither does the order. */
export interface ScoredPair {
  readonly requestId: string;
  readonly difference: Difference;
  readonly truth: 'label' | 'reference';
  readonly at: Date;
}

/** right(candidate) − right(champion) for the value that counts as right. */
export function differenceOf(pair: Pick<PairedAnswer, 'candidate' | 'champion'>, truth: number): Difference {
  return (Number(pair.candidate === truth) - Number(pair.champion === truth)) as Difference;
}

/** Labelled pairs that have not entered yet, in the order of their labels' arrival. */
export function labelledEntries(pairs: readonly PairedAnswer[], entered: ReadonlySet<string>): ScoredPair[] {
  return pairs.flatMap((pair) =>
    pair.label === null || entered.has(pair.requestId)
      ? []
      : [{ requestId: pair.requestId, difference: differenceOf(pair, pair.label), truth: 'label' as const, at: pair.at }],
  );
}

/**
 * Unlabelled pairs that may be judged by the reference now: those whose label has had its time to come. The choice looks
 * at the age only and never at what was answered, so that the bets' error bound holds.
 */
export function unlabelledToScore(
  pairs: readonly PairedAnswer[],
  entered: ReadonlySet<string>,
  answeredBefore: Date,
  limit: number,
): PairedAnswer[] {
  return pairs
    .filter((pair) => pair.label === null && !entered.has(pair.requestId) && pair.at < answeredBefore)
    .slice(0, limit);
}
