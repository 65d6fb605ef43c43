/** What one false alarm every so many answers is when nobody says. */
const DEFAULT_EVERY = 100_000;

/**
 * Monitors that may open a trigger on a calm stream, each with a promise of its own: accuracy, fidelity, estimated
 * accuracy and latency. The contract is over all of them together, so it is split evenly (union bound).
 */
export const ALARMING_MONITORS = 4;

/**
 * A, the threshold of each monitor: P(false alarm within n answers) ≤ n/A. With `contract`, n = days · answersPerDay
 * answers may raise `most` false alarms in expectation over all alarming monitors, so A = n · monitors / most.
 */
export function falseAlarmEvery(policy: {
  readonly falseAlarmEvery?: number | undefined;
  readonly contract: { readonly most: number; readonly days: number; readonly answersPerDay: number } | null;
}): number {
  const { contract } = policy;
  if (contract === null) return policy.falseAlarmEvery ?? DEFAULT_EVERY;
  const answers = contract.days * contract.answersPerDay;
  return Math.min(1e12, Math.max(100, (answers * ALARMING_MONITORS) / contract.most));
}
