import type { Digest } from '../../kernel/index.js';
import type { Job } from '../../jobs/index.js';
import type { Cause } from '../../triggers/index.js';
import type { Candidate, CandidateSpec } from './candidate.js';
import { MINIMUM_ROWS } from './judge.js';

/** The candidates that a succeeded job made, `<trigger>-c1`, `-c2`, … in the order of its report; none of any other job. */
export function candidatesOfJob(job: Job, cause: Cause, now: Date): Candidate[] {
  const { status, spec } = job;
  if (status.phase !== 'Succeeded') return [];
  const { holdout } = status.snapshot;
  return status.candidates.map((digest, index) =>
    pending(`${spec.trigger}-c${index + 1}`, job.model, now, {
      digest,
      reference: status.reference ?? spec.reference,
      champion: spec.champion,
      trigger: spec.trigger,
      job: job.id,
      cause,
      // Too few rows to judge by: fresh ones are taken instead.
      holdout: holdout.rows >= MINIMUM_ROWS ? holdout.digest : null,
      submittedBy: null,
    }),
  );
}

/** What somebody submits by hand. */
export interface Submission {
  readonly model: string;
  readonly digest: Digest;
  readonly reference: Digest;
  readonly champion: Digest;
  readonly holdout: Digest | null;
  readonly submittedBy: string;
}

/** The `number`th candidate of a model that was submitted by hand, `<model>-m<number>`. */
export function submittedCandidate(submission: Submission, number: number, now: Date): Candidate {
  const { model, ...spec } = submission;
  return pending(`${model}-m${number}`, model, now, { ...spec, trigger: null, job: null, cause: 'manual' });
}

function pending(id: string, model: string, now: Date, spec: CandidateSpec): Candidate {
  return { id, model, spec, status: { phase: 'Pending' }, revision: 0, createdAt: now, updatedAt: now };
}
