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
}
