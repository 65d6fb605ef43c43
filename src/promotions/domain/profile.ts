import type { Evaluation } from '../../candidates/index.js';
import type { QualityProfile } from '../../models/index.js';

/** What is known of a candidate's quality when it is promoted; the null hypothesis of the monitors that watch it. */
export function profileOf(evaluation: Evaluation): QualityProfile {
  const { accuracy, agreement } = evaluation;
  return {
    accuracy: accuracy?.candidate.value ?? null,
    labelled: accuracy?.candidate.samples ?? 0,
    agreement: agreement.candidate.value,
    compared: agreement.candidate.samples,
    referenceAccuracy: accuracy?.reference.value ?? null,
  };
}
