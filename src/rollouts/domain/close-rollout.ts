import type { RolloutStatus, StatusOf } from './rollout.js';

/** What a pass saw of the data plane after it had stated the end once more. */
export interface ClosingObservation {
  readonly now: Date;
  /** The router took the end and the data plane was seen to have it. */
  readonly done: boolean;
  /** Percent that the candidate really gets; null when that cannot be seen. */
  readonly actualWeight: number | null;
}

/** An ended rollout is closed once the data plane was seen to follow; until then the end is stated again and again. Pure. */
export function closeRollout(
  status: StatusOf<'Promoted' | 'RolledBack' | 'Aborted'>,
  { now, done, actualWeight }: ClosingObservation,
): RolloutStatus {
  const before = status.traffic;
  const unchanged = before !== undefined && before.actual === actualWeight;
  const traffic = {
    ...{ set: before?.set ?? 0, setAt: before?.setAt ?? now },
    ...{ actual: actualWeight, actualAt: unchanged ? before.actualAt : now },
  };
  if (status.phase === 'Promoted') return { ...status, traffic, settledAt: done ? now : null };
  return { ...status, traffic, givenBackAt: done ? now : null };
}

const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/** How long to wait before the end is stated again: doubled each time, at most 30 s. */
export function closingBackOffMs(attempts: number): number {
  return Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(attempts, 10));
}
