import type { Trigger, TriggerDecision, TriggerOutcome } from './domain/trigger.js';

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
  /** Resolves an open trigger and publishes `TriggerResolved`; no-op when it is resolved already. Joins the unit of work. */
  abstract resolve(trigger: string, outcome: TriggerOutcome, detail: string): Promise<void>;
  /**
   * States how much runner time the trigger has used so far, all attempts together; the daily budget counts it.
   * Idempotent: the largest figure stays. Joins the unit of work.
   */
  charge?(trigger: string, runnerSeconds: number): Promise<void>;
}

/** Runner time by trigger, and the lock under which triggers of a model are opened. */
export abstract class TriggerLedger {
  /** Until the unit of work ends nobody else opens a trigger of this model. Throws outside a unit of work. */
  abstract exclusively(model: string): Promise<void>;
  /** The largest figure of a trigger stays. */
  abstract charge(trigger: string, model: string, runnerSeconds: number, at: Date): Promise<void>;
  /** Seconds of triggers that were charged at or after `since`. */
  abstract spent(model: string, since: Date): Promise<number>;
}
