import type { Digest } from '../kernel/index.js';
import type { ModelSpec } from '../models/index.js';
import type { Candidate, EvaluationOutcome } from './domain/candidate.js';

export abstract class CandidateStore {
  abstract find(id: string): Promise<Candidate | null>;
  abstract require(id: string): Promise<Candidate>;
  /** Newest first. */
  abstract list(model: string): Promise<Candidate[]>;
  /** Pending and Evaluating ones of every model. */
  abstract listUnfinished(): Promise<Candidate[]>;
  /**
   * All candidates of a trigger, in the order of their ids. Must be called inside a unit of work: until it ends, nobody
   * else gets or saves them, so that the last of several refusals knows that it is the last.
   */
  abstract ofTriggerExclusively(trigger: string): Promise<Candidate[]>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(candidate: Candidate): Promise<Candidate>;
}

/** What is to be measured. */
export interface EvaluationRequest {
  readonly candidate: string;
  readonly model: Pick<ModelSpec, 'task' | 'input' | 'output'>;
  readonly versions: { readonly candidate: Digest; readonly reference: Digest; readonly champion: Digest };
  readonly holdout: Digest;
}

/** Measures a candidate beside its reference and the champion, where it can do no harm. */
export abstract class Evaluator {
  /**
   * Repeatable: nothing is left behind, and what is random is seeded (latencies are measured afresh, of course).
   * @throws EvaluationUnavailable when the fault is not the candidate's
   */
  abstract evaluate(request: EvaluationRequest): Promise<EvaluationOutcome>;
}
