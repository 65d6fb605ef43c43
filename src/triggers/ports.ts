import type { OpenChange } from './domain/obstacles.js';
import type { RemedyOutcome } from './domain/remedy-outcome.js';
import type { PlannedRemedy } from './domain/remedy-plan.js';
import type { TriggerCharge } from './domain/trigger-budget.js';
import type { Achievement, Trigger, TriggerDecision, TriggerOutcome } from './domain/trigger.js';

export abstract class TriggerStore {
  abstract find(id: string): Promise<Trigger | null>;
  abstract require(id: string): Promise<Trigger>;
  /** Newest first. */
  abstract list(model: string): Promise<Trigger[]>;
  abstract save(trigger: Trigger): Promise<Trigger>;
  abstract recordDecision(decision: TriggerDecision): Promise<void>;
  /** Newest first. */
  abstract decisions(model: string, limit: number): Promise<TriggerDecision[]>;
}

/** How a stage downstream tells what became of a trigger. */
export abstract class TriggerOutcomes {
  /**
   * Resolves an open trigger and publishes `TriggerResolved`; no-op when it is resolved already. `achieved` links it to
   * the candidate and its figures, which the choice of later remedies learns from. Joins the unit of work.
   */
  abstract resolve(trigger: string, outcome: TriggerOutcome, detail: string, achieved?: Achievement): Promise<void>;
  /**
   * States how much runner time, and GPU time (seconds times GPUs), the trigger has used so far, all attempts together;
   * the daily budgets count them. Idempotent: the largest figures stay. Joins the unit of work.
   */
  charge?(trigger: string, runnerSeconds: number, gpuSeconds: number): Promise<void>;
}

/** Runner and GPU time by trigger, and the lock under which triggers of a model are opened. */
export abstract class TriggerLedger {
  /** Until the unit of work ends nobody else opens a trigger of this model. Throws outside a unit of work. */
  abstract exclusively(model: string): Promise<void>;
  /** The largest figures of a trigger stay. */
  abstract charge(model: string, charge: TriggerCharge): Promise<void>;
  /** Charges of a model at or after `since`, oldest first. */
  abstract charges(model: string, since: Date): Promise<TriggerCharge[]>;
  /** What one trigger was charged with, or null. */
  abstract chargeOf(trigger: string): Promise<TriggerCharge | null>;
}

/** How remedies ended, over all models of this installation. */
export abstract class OutcomeHistory {
  /** Outcomes at or after `since`, newest first, at most 5,000; triggers that were cancelled are none. */
  abstract list(since: Date): Promise<RemedyOutcome[]>;
}

/** Tells what a model's latest report expected of every alternative; empty where no report says. */
export type RemedyPlanSource = (model: string) => Promise<readonly PlannedRemedy[]>;

/**
 * Plans of remedies, which are made with the model and the data at hand, so by runners. The stage that reads their reports
 * registers itself at start, because nothing here may import it.
 */
export abstract class RemedyPlans {
  /** The one source; a second registration replaces it. */
  abstract register(source: RemedyPlanSource): void;
  /** Empty where there is no plan. */
  abstract latest(model: string): Promise<readonly PlannedRemedy[]>;
}

/** Tells the changes of one kind that a model has open. */
export type OpenChangeSource = (model: string) => Promise<readonly OpenChange[]>;

/**
 * What is under way downstream, for whoever must not begin something beside it. Stages downstream register themselves at
 * start, because nothing here may import them.
 */
export abstract class OpenChanges {
  abstract register(source: OpenChangeSource): void;
  /** Of all sources, in the order of registration. Rejects when one cannot tell: not knowing is not "nothing". */
  abstract list(model: string): Promise<OpenChange[]>;
}
