import { NotFound, RevisionConflict } from '../../kernel/index.js';
import type { RemedyOutcome } from '../domain/remedy-outcome.js';
import { nameOfRemedy } from '../domain/remedy.js';
import type { TriggerCharge } from '../domain/trigger-budget.js';
import type { Trigger, TriggerDecision } from '../domain/trigger.js';
import { OutcomeHistory, TriggerLedger, TriggerStore } from '../ports.js';

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
  readonly charged = new Map<string, TriggerCharge & { readonly model: string }>();
  override async exclusively(): Promise<void> {
    // One test is one process.
  }
  override async charge(model: string, charge: TriggerCharge): Promise<void> {
    const known = this.charged.get(charge.trigger);
    const runnerSeconds = Math.max(charge.runnerSeconds, known?.runnerSeconds ?? 0);
    const gpuSeconds = Math.max(charge.gpuSeconds, known?.gpuSeconds ?? 0);
    if (known !== undefined && runnerSeconds === known.runnerSeconds && gpuSeconds === known.gpuSeconds) return;
    this.charged.set(charge.trigger, { ...charge, model, runnerSeconds, gpuSeconds });
  }
  override async charges(model: string, since: Date): Promise<TriggerCharge[]> {
    return [...this.charged.values()]
      .filter((charge) => charge.model === model && charge.at >= since)
      .sort((a, b) => a.at.getTime() - b.at.getTime());
  }
  override async chargeOf(trigger: string): Promise<TriggerCharge | null> {
    return this.charged.get(trigger) ?? null;
  }
}

/** Reads what the fake store and ledger hold, as the real one reads the tables. */
export class FakeOutcomeHistory extends OutcomeHistory {
  constructor(
    private readonly store: FakeTriggerStore,
    private readonly ledger: FakeTriggerLedger,
  ) {
    super();
  }
  override async list(since: Date): Promise<RemedyOutcome[]> {
    return [...this.store.triggers.values()].flatMap(({ id, model, spec, status }) => {
      if (status.phase !== 'Resolved' || status.outcome === 'cancelled' || status.at < since) return [];
      const { runnerSeconds = 0, gpuSeconds = 0 } = this.ledger.charged.get(id) ?? {};
      const figures = status.achieved?.figures ?? null;
      const remedy = nameOfRemedy(spec.remedy);
      const { outcome, at } = status;
      return [{ trigger: id, model, cause: spec.cause, remedy, outcome, at, runnerSeconds, gpuSeconds, figures }];
    });
  }
}
