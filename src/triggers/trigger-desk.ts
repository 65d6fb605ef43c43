import type { Actor, AuditLog, Clock, FactBus, UnitOfWork } from '../kernel/index.js';
import type { ChampionPeriod, ChangeLock, ChampionHistory } from '../models/index.js';
import { ModelIsChanging, NothingServes, TriggerStillOpen } from './domain/errors.js';
import { nextTriggerId } from './domain/trigger-policy.js';
import { nameOfRemedy, type RemedyName, remedyAt } from './domain/remedy.js';
import { type Trigger, type TriggerSpec, TriggerOpened } from './domain/trigger.js';
import { openedTotal } from './metrics.js';
import type { TriggerLedger, TriggerStore } from './ports.js';

const SYSTEM = { name: 'system:triggers', role: 'system' } as const;

/** The one place where triggers are opened, whoever wants it. */
export class TriggerDesk {
  constructor(
    private readonly ports: {
      readonly triggers: TriggerStore;
      readonly ledger: TriggerLedger;
      readonly history: ChampionHistory;
      readonly lock: ChangeLock;
      readonly unitOfWork: UnitOfWork;
      readonly facts: FactBus;
      readonly audit: AuditLog;
      readonly clock: Clock;
    },
  ) {}

  /** Opens what policy decided, with the decision, all or nothing; null when another one is open by now. */
  async open(model: string, spec: TriggerSpec, row: string | null): Promise<Trigger | null> {
    const opened = await this.ports.unitOfWork.run('triggers.open', async () => {
      if ((await this.openOne(model)) !== null) return null;
      const trigger = await this.insert(model, spec, SYSTEM);
      await this.record(trigger, row);
      return trigger;
    });
    if (opened !== null) count(opened);
    return opened;
  }

  /**
   * Opens a trigger because a person wants it, whatever the monitors say; cool-down, quiet hours and budgets do
   * not hold it.
   * @throws NothingServes @throws TriggerStillOpen @throws ModelIsChanging
   */
  async openByHand(model: string, wish: { reason: string; remedy: RemedyName }, actor: Actor): Promise<Trigger> {
    const period = await this.ports.history.current(model);
    if (period === null) throw new NothingServes(model);
    const opened = await this.ports.unitOfWork.run('triggers.open-by-hand', async () => {
      const open = await this.openOne(model);
      if (open !== null) throw new TriggerStillOpen(model, open.id);
      const holder = await this.ports.lock.holder(model);
      if (holder !== null) throw new ModelIsChanging(model, holder);
      const trigger = await this.insert(model, manual(period, wish, actor), actor);
      await this.record(trigger, null);
      return trigger;
    });
    count(opened);
    return opened;
  }

  private async record({ id, model, spec, createdAt }: Trigger, row: string | null): Promise<void> {
    const { cause, reasons } = spec;
    await this.ports.triggers.recordDecision({
      ...{ model, at: createdAt, action: 'open', cause, row, reasons },
      ...{ until: null, evidence: null, trigger: id },
    });
  }

  private async openOne(model: string): Promise<Trigger | null> {
    await this.ports.ledger.exclusively(model);
    return (await this.ports.triggers.list(model)).find((trigger) => trigger.status.phase === 'Open') ?? null;
  }

  private async insert(model: string, spec: TriggerSpec, actor: Actor | typeof SYSTEM): Promise<Trigger> {
    const now = this.ports.clock.now();
    const id = nextTriggerId(model, await this.ports.triggers.list(model));
    const times = { createdAt: now, updatedAt: now };
    const trigger = await this.ports.triggers.save({
      id,
      model,
      spec,
      status: { phase: 'Open' },
      revision: 0,
      ...times,
    });
    await this.ports.facts.publish(TriggerOpened, { trigger: id, model });
    await this.ports.audit.append({
      actor: actor.name,
      role: actor.role,
      action: 'triggers.open',
      subject: `trigger/${id}`,
      reason: spec.reasons.join(' '),
      detail: { cause: spec.cause, remedy: nameOfRemedy(spec.remedy), rung: spec.remedy.rung },
    });
    return trigger;
  }
}

function manual(period: ChampionPeriod, wish: { reason: string; remedy: RemedyName }, actor: Actor): TriggerSpec {
  return {
    cause: 'manual',
    remedy: remedyAt(wish.remedy, 0),
    champion: period.champion,
    reference: period.reference,
    reasons: [`${actor.name} asked for it: ${wish.reason}`],
    findings: [],
    freshSince: null,
  };
}

function count({ model, spec }: Trigger): void {
  openedTotal.inc({ model, cause: spec.cause, recipe: spec.remedy.recipe });
}
