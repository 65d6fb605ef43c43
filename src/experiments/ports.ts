import type { Digest } from '../kernel/index.js';
import type { EnteredPair } from './domain/enter-pairs.js';
import type { Experiment } from './domain/experiment.js';
import type { LiveProgress } from './domain/live-progress.js';
import type { ShadowProgress } from './domain/shadow-progress.js';

export abstract class ExperimentStore {
  abstract find(id: string): Promise<Experiment | null>;
  /** @throws NotFound */
  abstract require(id: string): Promise<Experiment>;
  /** Newest first. */
  abstract list(model: string): Promise<Experiment[]>;
  /** Waiting and Running ones of every model. */
  /** Of one model, or of all. */
  abstract listUnfinished(model?: string): Promise<Experiment[]>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(experiment: Experiment): Promise<Experiment>;
}

/** The pairs of each test in the order in which they entered it; append-only, so that no pass can order them anew. */
export abstract class PairLog {
  /** In the order of entry; for whoever wants to check the whole test again. */
  abstract list(experiment: string): Promise<EnteredPair[]>;
  /** Those of these requests that have entered. */
  abstract known(experiment: string, requestIds: readonly string[]): Promise<ReadonlySet<string>>;
  /**
   * Appends at the positions `after + 1, after + 2, …`; joins the unit of work. Fails, and with it the unit of work, when one
   * of these positions or requests is taken: somebody else has appended meanwhile.
   */
  abstract append(experiment: string, after: number, pairs: readonly EnteredPair[]): Promise<void>;
}

/**
 * How far each test has come. Saved in the unit of work that appends the pairs it was folded over, so that a pass looks only
 * at what is new, and one that died has changed nothing.
 */
export abstract class ProgressStore {
  abstract find(experiment: string): Promise<ShadowProgress | LiveProgress | null>;
  /** Joins the unit of work. */
  abstract save(experiment: string, progress: ShadowProgress | LiveProgress): Promise<void>;
}

/** How much of the model's quality budget is left for the next promotion. Implemented by promotions. */
export abstract class QualityAllowance {
  /** Remaining loss against this reference, as a fraction; never below 0. */
  abstract remaining(model: string, reference: Digest): Promise<number>;
}
