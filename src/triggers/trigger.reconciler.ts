import type { Clock, ReconcileResult, Reconciler, UnitOfWork } from '../kernel/index.js';
import type { ChampionHistory, ModelStore } from '../models/index.js';
import { log } from '../platform/observability/index.js';
import { decide, sameDecision } from './domain/trigger-policy.js';
import type { TriggerDecision } from './domain/trigger.js';
import { decisionsTotal, openTriggers, spentSeconds } from './metrics.js';
import type { TriggerStore } from './ports.js';
import type { TriggersSettings } from './settings.js';
import type { SituationReader } from './situation-reader.js';
import type { TriggerDesk } from './trigger-desk.js';

export const TRIGGER_KIND = 'trigger';

/** Judges the findings of one model: a pass attributes the cause, asks policy, and opens at most one trigger. */
export class TriggerReconciler implements Reconciler {
  readonly kind = TRIGGER_KIND;

  constructor(
    private readonly catalog: {
      readonly models: ModelStore;
      readonly history: ChampionHistory;
      readonly triggers: TriggerStore;
    },
    private readonly situations: SituationReader,
    private readonly desk: TriggerDesk,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: Clock,
    private readonly settings: TriggersSettings,
  ) {}

  async reconcile(key: string): Promise<ReconcileResult> {
    const model = await this.catalog.models.find(key);
    if (model === null) return {};
    const again = { requeueAfterMs: this.settings.passMs };
    const period = await this.catalog.history.current(key);
    if (period === null) return again;
    const now = this.clock.now();
    const { attribution, input } = await this.situations.read(model, period, now);
    const proposal = decide(attribution, input);
    spentSeconds.set({ model: key }, input.spentSeconds);
    if (proposal.spec !== null) {
      const opened = await this.desk.open(key, proposal.spec);
      if (opened !== null) this.tell({ model: key, at: now, ...proposal, trigger: opened.id });
    } else {
      const open = input.triggers.find((trigger) => trigger.status.phase === 'Open');
      const { action, cause, reasons } = proposal;
      await this.record({ model: key, at: now, action, cause, reasons, trigger: open?.id ?? null });
      openTriggers.set({ model: key }, open === undefined ? 0 : 1);
    }
    return again;
  }

  /** Kept only when it says something else than the decision before. */
  private async record(decision: TriggerDecision): Promise<void> {
    const [last] = await this.catalog.triggers.decisions(decision.model, 1);
    if (last !== undefined && sameDecision(last, decision)) return;
    await this.unitOfWork.run(() => this.catalog.triggers.recordDecision(decision));
    this.tell(decision);
  }

  private tell({ model, action, cause, reasons, trigger }: TriggerDecision): void {
    decisionsTotal.inc({ model, action, cause });
    if (action === 'open') openTriggers.set({ model }, 1);
    log.info({ model, action, cause, reasons, trigger }, 'trigger decision');
  }
}
