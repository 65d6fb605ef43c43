import type { Digest } from '../kernel/index.js';
import type { EnteredPair } from './domain/enter-pairs.js';
import type { Experiment } from './domain/experiment.js';

export abstract class ExperimentStore {
  abstract find(id: string): Promise<Experiment | null>;
  /** @throws NotFound */
  abstract require(id: string): Promise<Experiment>;
  /** Newest first. */
  abstract list(model: string): Promise<Experiment[]>;
  /** Waiting and Running ones of every model. */
  abstract listUnfinished(): Promise<Experiment[]>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(experiment: Experiment): Promise<Experiment>;
}

/** The pairs of each test in the order in which they entered it; append-only, so that no pass can order them anew. */
export abstract class PairLog {
  /** In the order of entry. */
  abstract list(experiment: string): Promise<EnteredPair[]>;
  /** Appends after what is there; a request that is there already is left as it was. */
  abstract append(experiment: string, pairs: readonly EnteredPair[]): Promise<void>;
}

/** How much of the model's quality budget is left for the next promotion. Implemented by promotions. */
export abstract class QualityAllowance {
  /** Remaining loss against this reference, as a fraction; never below 0. */
  abstract remaining(model: string, reference: Digest): Promise<number>;
}
