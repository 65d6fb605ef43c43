import type { Digest } from '../kernel/index.js';
import type { Experiment } from './domain/experiment.js';
import type { ScoredPair } from './domain/score-pairs.js';

export abstract class ExperimentStore {
  abstract find(id: string): Promise<Experiment | null>;
  /** @throws NotFound */
  abstract require(id: string): Promise<Experiment>;
  /** Newest first. */
  abstract list(model: string): Promise<Experiment[]>;
  abstract listUnfinished(): Promise<Experiment[]>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(experiment: Experiment): Promise<Experiment>;
}

/** The pairs that entered a test, in the order in which they did; append-only. */
export abstract class PairLog {
  /** Appends; a request that is there already is skipped. */
  abstract append(experiment: string, pairs: readonly ScoredPair[]): Promise<void>;
  abstract list(experiment: string): Promise<ScoredPair[]>;
}

/** How much of the model's quality budget is left for the next promotion. Implemented by promotions. */
export abstract class QualityAllowance {
  /** Remaining loss against this reference, as a fraction; never below 0. */
  abstract remaining(model: string, reference: Digest): Promise<number>;
}
