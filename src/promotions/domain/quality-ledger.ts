import type { Evaluation } from '../../candidates/index.js';

/**
 * What a promotion costs of the quality budget: the candidate's measured loss against its reference, as a fraction, never
 * below 0. The share of held-out answers that differ from the reference's bounds the loss from above: where both answer alike
 * both are right or both are wrong. With labels there is also the paired difference of the two accuracies, but only on the
 * labelled rows; where those are few, a single row of them weighs more than the bound on all rows allows, so the smaller of the
 * two counts.
 */
export function chargeOf(evaluation: Evaluation): number {
  const { accuracy, agreement } = evaluation;
  const bound = 1 - agreement.candidate.value;
  if (accuracy === null) return bound;
  return Math.max(0, Math.min(bound, accuracy.reference.value - accuracy.candidate.value));
}

/**
 * What is left of the budget for the next candidate. A charge is a loss against the reference, not against the champion
 * before, so the present champion's charge is all that has been spent: ten steps of half a point that each look harmless
 * beside their predecessor are ten charges that grow to five points. Another reference opens another account.
 */
export function remainingBudget(maxLoss: number, championCharge: number | null): number {
  return Math.max(0, maxLoss - (championCharge ?? 0));
}

/** Rounding of a difference of two shares is no loss. */
const ROUNDING = 1e-9;

/**
 * By how much a promotion would overdraw the budget: what of its charge lies above `maxLoss`. 0 within the budget, and also when
 * it charges less than the champion that serves: whoever replaces a damaged champion by a better one lowers what is spent, even
 * where that is still above the budget.
 */
export function overdraft(maxLoss: number, championCharge: number | null, charge: number): number {
  if (charge <= maxLoss + ROUNDING || charge < (championCharge ?? 0) - ROUNDING) return 0;
  return charge - maxLoss;
}
