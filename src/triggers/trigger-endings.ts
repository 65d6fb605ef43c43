import { type AuditLog, type Clock, type FactBus, type UnitOfWork, withStatus } from '../kernel/index.js';
import { type Achievement, type TriggerOutcome, TriggerResolved } from './domain/trigger.js';
import { resolvedTotal } from './metrics.js';
import { type TriggerLedger, TriggerOutcomes, type TriggerStore } from './ports.js';

/** Takes from the stages downstream what became of a trigger and what it cost. */
export class TriggerEndings extends TriggerOutcomes {
  constructor(
    private readonly ports: {
      readonly triggers: TriggerStore;
      readonly ledger: TriggerLedger;
      readonly unitOfWork: UnitOfWork;
      readonly facts: FactBus;
      readonly audit: AuditLog;
      readonly clock: Clock;
    },
  ) {
    super();
  }

  override async resolve(id: string, outcome: TriggerOutcome, detail: string, achieved?: Achievement): Promise<void> {
    const { triggers, unitOfWork, facts, audit, clock } = this.ports;
    const resolved = await unitOfWork.run('triggers.resolve', async () => {
      const trigger = await triggers.require(id);
      if (trigger.status.phase !== 'Open') return null;
      const status = { phase: 'Resolved', outcome, detail, at: clock.now(), ...(achieved && { achieved }) } as const;
      await triggers.save(withStatus(trigger, status));
      await facts.publish(TriggerResolved, { trigger: id, model: trigger.model, outcome });
      await audit.append({
        actor: 'system:triggers',
        role: 'system',
        action: 'triggers.resolve',
        subject: `trigger/${id}`,
        reason: detail,
        detail: { outcome, candidate: achieved?.candidate ?? null },
      });
      return trigger;
    });
    if (resolved !== null) resolvedTotal.inc({ model: resolved.model, cause: resolved.spec.cause, outcome });
  }

  override async charge(id: string, runnerSeconds: number, gpuSeconds: number): Promise<void> {
    const { triggers, ledger, clock } = this.ports;
    const { model } = await triggers.require(id);
    await ledger.charge(model, { trigger: id, runnerSeconds, gpuSeconds, at: clock.now() });
  }
}
