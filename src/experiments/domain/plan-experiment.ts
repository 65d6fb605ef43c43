import type { Candidate, Evaluation } from '../../candidates/index.js';
import type { Digest } from '../../kernel/index.js';
import type { ExperimentPolicy } from '../../models/index.js';
import type { Experiment, ExperimentSpec } from './experiment.js';

/** What an experiment's plan follows from. */
export interface PlanInputs {
  readonly candidate: Candidate;
  readonly evaluation: Evaluation;
  readonly policy: ExperimentPolicy;
  /** Reference of the version that serves now; null when nothing does. */
  readonly championReference: Digest | null;
  /** What the quality ledger leaves against the candidate's reference. */
  readonly allowance: number;
  readonly now: Date;
}

/** The experiment that an accepted candidate has to pass; fixed before the first pair is seen. Id: `<candidate>-x`. */
export function planExperiment(inputs: PlanInputs): Experiment {
  const { candidate, policy } = inputs;
  const spec: ExperimentSpec = {
    candidate: candidate.id,
    candidateVersion: candidate.spec.digest,
    champion: candidate.spec.champion,
    reference: candidate.spec.reference,
    margin: marginOf(inputs),
    alpha: policy.alpha,
    mirrorFraction: policy.mirrorFraction,
    maxSamples: policy.maxSamples,
    maxSeconds: policy.maxSeconds,
    truth: truthOf(candidate, inputs.championReference),
  };
  return {
    id: `${candidate.id}-x`,
    model: candidate.model,
    spec,
    status: { phase: 'Waiting', reason: 'just planned' },
    revision: 0,
    createdAt: inputs.now,
    updatedAt: inputs.now,
  };
}

/**
 * Largest loss against the champion that still keeps the budget against the reference: what the ledger leaves after the
 * champion's own loss, plus what the candidate was measured to regain on the held-out rows; never more than the policy.
 */
export function marginOf({ evaluation, policy, allowance }: PlanInputs): number {
  return Math.max(0, Math.min(policy.margin, allowance + regained(evaluation)));
}

/** Points by which the candidate was measured above the champion on the same held-out rows; 0 when it was not. */
function regained({ accuracy, agreement }: Evaluation): number {
  const gain =
    accuracy === null
      ? agreement.candidate.value - agreement.champion.value
      : accuracy.candidate.value - accuracy.champion.value;
  return Math.max(0, gain);
}

/**
 * The reference is no witness where it is in doubt itself: when the world has changed, or when the candidate has another
 * reference than the champion and would be measured by its own teacher.
 */
function truthOf(candidate: Candidate, championReference: Digest | null): ExperimentSpec['truth'] {
  const inDoubt = candidate.spec.cause === 'world-changed' || candidate.spec.reference !== championReference;
  return inDoubt ? 'labels' : 'labels-or-reference';
}
