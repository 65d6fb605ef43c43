import type { Candidate } from './domain/candidate.js';

export abstract class CandidateStore {
  abstract find(id: string): Promise<Candidate | null>;
  abstract require(id: string): Promise<Candidate>;
  /** Newest first. */
  abstract list(model: string): Promise<Candidate[]>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(candidate: Candidate): Promise<Candidate>;
}
