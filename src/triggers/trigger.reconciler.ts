import type { Clock, ReconcileResult, Reconciler, UnitOfWork } from '../kernel/index.js';
import type { ChampionHistory, Model, ModelStore } from '../models/index.js';
import type { EvidenceRequests } from '../monitors/index.js';
import { log } from '../platform/observability/index.js';
import type { EvidencePlan } from './domain/evidence-plan.js';
import { budgetState } from './domain/trigger-budget.js';
import { decide, type PolicyInput, type Proposal, sameDecision } from './domain/trigger-policy.js';
import type { TriggerDecision } from './domain/trigger.js';
import { budgetLeftSeconds, decisionsTotal, evidenceRequestsTotal, openTriggers, spentSeconds } from './metrics.js';
import type { TriggerStore } from './ports.js';
import type { RemedyBook } from './remedy-book.js';
import type { TriggersSettings } from './settings.js';
import type { Reading, SituationReader } from './situation-reader.js';
import type { TriggerDesk } from './trigger-desk.js';

export const TRIGGER_KIND = 'trigger';

/** Judges the findings of one model: a pass attributes the cause, asks policy, and opens at most one trigger. */
export class TriggerReconciler implements Reconciler {
  readonly kind = TRIGGER_KIND;

  constructor(
    private readonly ports: {
      readonly models: ModelStore;
      readonly history: ChampionHistory;
      readonly triggers: TriggerStore;
      readonly evidence: EvidenceRequests;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
    private readonly situations: SituationReader,
    private readonly book: RemedyBook,
    private readonly desk: TriggerDesk,
    private readonly settings: TriggersSettings,
  ) {}

  async reconcile(key: string): Promise<ReconcileResult> {
    const { models, history, clock } = this.ports;
    const model = await models.find(key);
    if (model === null) return {};
    const again = { requeueAfterMs: this.settings.passMs };
    const period = await history.current(key);
    if (period === null) return again;
    const now = clock.now();
    const reading = await this.situations.read(model, period, now);
    const proposal = decide(reading.attribution, reading.input);
    await this.show(model, reading.input);
    const { spec, ...said } = proposal;
    if (spec !== null) {
      const opened = await this.desk.open(key, spec, proposal.row);
      if (opened !== null) this.tell({ model: key, at: now, ...said, evidence: null, trigger: opened.id });
    } else {
      await this.hold(key, reading, said, now);
    }
    return again;
  }

  /** Nothing is opened: says why, and asks for more evidence where that may tell. Kept only when it says something new. */
  private async hold(model: string, reading: Reading, said: Omit<Proposal, 'spec'>, now: Date): Promise<void> {
    const open = reading.input.triggers.find((trigger) => trigger.status.phase === 'Open') ?? null;
    const evidence = open === null ? reading.evidence : NO_EVIDENCE;
    const decision = { model, at: now, ...withEvidence(said, evidence), trigger: open?.id ?? null };
    openTriggers.set({ model }, open === null ? 0 : 1);
    const { wish } = evidence;
    const [last] = await this.ports.triggers.decisions(model, 1);
    if (wish === null && last !== undefined && sameDecision(last, decision)) return;
    await this.ports.unitOfWork.run('triggers.hold', async () => {
      await this.ports.triggers.recordDecision(decision);
      if (wish !== null) await this.ports.evidence.request(model, wish);
    });
    if (wish !== null) evidenceRequestsTotal.inc({ model, row: reading.attribution.row });
    this.tell(decision);
  }

  private async show(model: Model, { charges, now, policy }: PolicyInput): Promise<void> {
    const runner = budgetState(charges, 'runnerSeconds', policy.runnerSecondsPerDay, now);
    const gpu = budgetState(charges, 'gpuSeconds', policy.gpuSecondsPerDay, now);
    spentSeconds.set({ model: model.id }, runner.spentSeconds);
    budgetLeftSeconds.set({ model: model.id, kind: 'runner' }, runner.leftSeconds);
    budgetLeftSeconds.set({ model: model.id, kind: 'gpu' }, gpu.leftSeconds);
    await this.book.show(model);
  }

  private tell({ model, action, cause, row, reasons, trigger }: TriggerDecision): void {
    decisionsTotal.inc({ model, action, cause, row: row ?? 'by-hand' });
    if (action === 'open') openTriggers.set({ model }, 1);
    log.info({ model, action, cause, row, reasons, trigger }, 'trigger decision');
  }
}

const NO_EVIDENCE: EvidencePlan = { wish: null, reason: null };

function withEvidence(said: Omit<Proposal, 'spec'>, { wish, reason }: EvidencePlan) {
  const reasons = reason === null ? said.reasons : [...said.reasons, reason];
  return { ...said, reasons, evidence: wish === null ? null : { samples: wish.samples, until: wish.until } };
}
