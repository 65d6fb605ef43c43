import type { Experiment } from './domain/experiment.js';

export abstract class ExperimentStore {
  abstract find(id: string): Promise<Experiment | null>;
  abstract require(id: string): Promise<Experiment>;
  /** Newest first. */
  abstract list(model: string): Promise<Experiment[]>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(experiment: Experiment): Promise<Experiment>;
}

/** How much of the model's quality budget is left for the next promotion. Implemented by promotions. */
export abstract class QualityAllowance {
  /** Remaining loss against this reference, as a fraction; never below 0. */
  abstract remaining(model: string, reference: string): Promise<number>;
}
