import type { Objectives } from '../../models/index.js';
import type { Cause } from '../../triggers/index.js';
import type { MeasuredEvaluation } from './candidate.js';
import { excessLossScore, pairedLoss, upperBound, Z_95 } from './confidence.js';

/** With fewer rows an evaluation says nothing, and nothing is not enough to let a candidate near traffic. */
export const MINIMUM_ROWS = 32;

/** So many labelled rows are too few to see a loss of a point or two; the experiment has to. */
const FEW_LABELLED = 300;

/** Loss under noise, beyond the loss without it, that deserves a word. */
const NOISE_TOLERANCE = 0.02;

export type Judgement =
  | { readonly kind: 'accepted'; readonly warnings: readonly string[] }
  /** Every reason that was found, each a sentence with its numbers. */
  | { readonly kind: 'refused'; readonly reasons: readonly string[]; readonly warnings: readonly string[] };

/**
 * Whether a candidate may go on to an experiment. Total and deterministic.
 *
 * Size and speed are facts and decided as measured. Quality is a sample: it is refused only where the sample shows, at
 * 95 % one-sided, that the loss is above the budget or the agreement below its floor. So a good candidate is refused by
 * chance at most once in twenty, however few rows there are, and one that is plainly bad is refused; one in between is
 * for the experiment, which is the real judge and sees far more requests.
 */
export function judge(evaluation: MeasuredEvaluation, objectives: Objectives, cause: Cause): Judgement {
  const warnings = [...evaluation.warnings, ...doubts(evaluation)];
  if (evaluation.dataset.rows < MINIMUM_ROWS) {
    const reason = `there are ${evaluation.dataset.rows} held-out rows, ${MINIMUM_ROWS} are required`;
    return { kind: 'refused', reasons: [reason], warnings };
  }
  const reasons = [
    lossReason(evaluation, objectives),
    agreementReason(evaluation, objectives),
    sizeReason(evaluation, objectives),
    ...speedReasons(evaluation, objectives, cause),
  ].filter((reason) => reason !== null);
  return reasons.length > 0 ? { kind: 'refused', reasons, warnings } : { kind: 'accepted', warnings };
}

function lossReason(evaluation: MeasuredEvaluation, objectives: Objectives): string | null {
  const { paired } = evaluation;
  const { maxLoss } = objectives.qualityBudget;
  if (paired === null || excessLossScore(paired, maxLoss) <= Z_95) return null;
  const rows = `on ${paired.samples} labelled rows`;
  return `answers ${points(pairedLoss(paired))} points fewer right than the reference ${rows}, ${points(maxLoss)} are allowed`;
}

function agreementReason(evaluation: MeasuredEvaluation, objectives: Objectives): string | null {
  const { candidate } = evaluation.agreement;
  if (upperBound(candidate) >= objectives.minAgreement) return null;
  const least = percent(objectives.minAgreement);
  return `agrees with the reference on ${percent(candidate.value)} % of ${candidate.samples} rows, ${least} % is required`;
}

function sizeReason(evaluation: MeasuredEvaluation, objectives: Objectives): string | null {
  const { ratio, candidateBytes } = evaluation.size;
  if (ratio <= objectives.maxSizeRatio) return null;
  return `has ${percent(ratio)} % of the reference's size (${candidateBytes} bytes), ${percent(objectives.maxSizeRatio)} % is allowed`;
}

function speedReasons(evaluation: MeasuredEvaluation, objectives: Objectives, cause: Cause): (string | null)[] {
  const { speedup, overChampion } = evaluation.latency;
  return [
    speedup >= objectives.minSpeedup
      ? null
      : `serves ${speedup.toFixed(2)}× as fast as the reference, ${objectives.minSpeedup.toFixed(2)}× is required`,
    // The champion is too slow: one that is no faster is no remedy.
    cause !== 'latency' || overChampion > 1
      ? null
      : `serves ${overChampion.toFixed(2)}× as fast as the champion, which is too slow already`,
  ];
}

function doubts(evaluation: MeasuredEvaluation): string[] {
  const { accuracy, noiseAccuracy, dataset, paired } = evaluation;
  if (accuracy === null || paired === null)
    return ['no labelled rows: quality is known by agreement with the reference only'];
  const warnings: string[] = [];
  if (dataset.labelled < FEW_LABELLED) {
    warnings.push(`${dataset.labelled} labelled rows are too few to see a loss of a point; the experiment has to`);
  }
  if (noiseAccuracy !== null) {
    const noisy = noiseAccuracy.reference.value - noiseAccuracy.candidate.value;
    const clean = accuracy.reference.value - accuracy.candidate.value;
    if (noisy - clean > NOISE_TOLERANCE) {
      warnings.push(`loses ${points(noisy)} points against the reference under noise, ${points(clean)} without`);
    }
  }
  return warnings;
}

function points(fraction: number): string {
  return (100 * fraction).toFixed(1);
}

function percent(fraction: number): string {
  return (100 * fraction).toFixed(1);
}
