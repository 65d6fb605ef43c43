import { NotFound, RevisionConflict } from '../../kernel/index.js';
import type { Trigger, TriggerDecision } from '../domain/trigger.js';
import { TriggerLedger, TriggerStore } from '../ports.js';

export class FakeTriggerStore extends TriggerStore {
  readonly triggers = new Map<string, Trigger>();
  readonly recorded: TriggerDecision[] = [];
  override async find(id: string): Promise<Trigger | null> {
    return this.triggers.get(id) ?? null;
  }
  override async require(id: string): Promise<Trigger> {
    const found = this.triggers.get(id);
    if (found === undefined) throw new NotFound('trigger', id);
    return found;
  }
  override async list(model: string): Promise<Trigger[]> {
    return [...this.triggers.values()].filter((trigger) => trigger.model === model).reverse();
  }
  override async save(trigger: Trigger): Promise<Trigger> {
    const stored = this.triggers.get(trigger.id);
    if (trigger.revision === 0 && stored !== undefined) return stored;
    if (trigger.revision !== (stored?.revision ?? 0)) throw new RevisionConflict('trigger', trigger.id);
    const saved = { ...trigger, revision: trigger.revision + 1 };
    this.triggers.set(trigger.id, saved);
    return saved;
  }
  override async recordDecision(decision: TriggerDecision): Promise<void> {
    this.recorded.unshift(decision);
  }
  override async decisions(model: string, limit: number): Promise<TriggerDecision[]> {
    return this.recorded.filter((decision) => decision.model === model).slice(0, limit);
  }
}

export class FakeTriggerLedger extends TriggerLedger {
  readonly charges = new Map<string, { model: string; seconds: number; at: Date }>();
  override async exclusively(): Promise<void> {
    // One test is one process.
  }
  override async charge(trigger: string, model: string, seconds: number, at: Date): Promise<void> {
    if (seconds > (this.charges.get(trigger)?.seconds ?? 0)) this.charges.set(trigger, { model, seconds, at });
  }
  override async spent(model: string, since: Date): Promise<number> {
    return [...this.charges.values()]
      .filter((charge) => charge.model === model && charge.at >= since)
      .reduce((sum, charge) => sum + charge.seconds, 0);
  }
}
