import { assertNever, type Digest } from '../../kernel/index.js';
import type { Objectives } from '../../models/index.js';
import type { Candidate, CandidateStatus, EvaluationOutcome } from './candidate.js';
import { judge } from './judge.js';

/** What a pass found out about a candidate. */
export type CandidateObservation =
  /** There is held-out data to evaluate it on. */
  | { readonly kind: 'holdout'; readonly digest: Digest }
  | { readonly kind: 'no-holdout'; readonly reason: string }
  /** It was being evaluated when the pass before ended, and is not any more. */
  | { readonly kind: 'interrupted' }
  | { readonly kind: 'evaluated'; readonly outcome: EvaluationOutcome }
  /** It could not be evaluated, and that is not its fault. */
  | { readonly kind: 'unavailable'; readonly reason: string };

export interface CandidateBounds {
  readonly maxTries: number;
  readonly sampleWaitSeconds: number;
}

/**
 * The status that follows from an observation; the same one back when nothing follows. Total: an observation that does
 * not belong to the phase changes nothing, so a pass that is repeated after a crash does no harm.
 */
export function advanceCandidate(
  candidate: Candidate,
  observation: CandidateObservation,
  objectives: Objectives,
  bounds: CandidateBounds,
  now: Date,
): CandidateStatus {
  const { status } = candidate;
  switch (status.phase) {
    case 'Pending':
      return advancePending(candidate, status, observation, bounds, now);
    case 'Evaluating':
      return advanceEvaluating(candidate, status, observation, objectives, bounds, now);
    case 'Accepted':
    case 'Refused':
      return status;
    default:
      return assertNever(status);
  }
}

function advancePending(
  candidate: Candidate,
  status: CandidateStatus,
  observation: CandidateObservation,
  bounds: CandidateBounds,
  now: Date,
): CandidateStatus {
  if (observation.kind === 'holdout') return { phase: 'Evaluating', since: now, tries: 1, holdout: observation.digest };
  if (observation.kind !== 'no-holdout') return status;
  return waitedTooLong(candidate, bounds, now) ? refused([observation.reason]) : status;
}

function advanceEvaluating(
  candidate: Candidate,
  status: Extract<CandidateStatus, { phase: 'Evaluating' }>,
  observation: CandidateObservation,
  objectives: Objectives,
  bounds: CandidateBounds,
  now: Date,
): CandidateStatus {
  switch (observation.kind) {
    case 'evaluated':
      return concluded(candidate, observation.outcome, objectives);
    case 'interrupted':
      if (status.tries < bounds.maxTries) return { ...status, since: now, tries: status.tries + 1 };
      return refused([`its evaluation was begun ${status.tries} times and never ended`]);
    case 'unavailable':
      return status.tries < bounds.maxTries ? status : refused([observation.reason]);
    case 'holdout':
    case 'no-holdout':
      return status;
    default:
      return assertNever(observation);
  }
}

function concluded(candidate: Candidate, outcome: EvaluationOutcome, objectives: Objectives): CandidateStatus {
  if (outcome.kind === 'refused') return refused(outcome.reasons);
  const judgement = judge(outcome.evaluation, objectives, candidate.spec.cause);
  const evaluation = { ...outcome.evaluation, warnings: judgement.warnings };
  return judgement.kind === 'accepted'
    ? { phase: 'Accepted', evaluation }
    : { phase: 'Refused', reasons: judgement.reasons, evaluation };
}

function refused(reasons: readonly string[]): CandidateStatus {
  return { phase: 'Refused', reasons, evaluation: null };
}

function waitedTooLong(candidate: Candidate, bounds: CandidateBounds, now: Date): boolean {
  return (now.getTime() - candidate.createdAt.getTime()) / 1000 > bounds.sampleWaitSeconds;
}
