import type { Evaluation } from '../../candidates/index.js';

/**
 * What a promotion costs of the quality budget: the candidate's measured loss against its reference, as a fraction, never
 * below 0. With labels it is the paired difference of the two accuracies on the same held-out rows; without, it is the
 * share of answers that differ from the reference's, which bounds the loss from above.
 */
export function chargeOf(evaluation: Evaluation): number {
  const { accuracy, agreement } = evaluation;
  const loss = accuracy === null ? 1 - agreement.candidate.value : accuracy.reference.value - accuracy.candidate.value;
  return Math.max(0, loss);
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
