import {
  type Actor,
  type AuditLog,
  type Clock,
  type FactBus,
  PhaseConflict,
  type UnitOfWork,
  withStatus,
} from '../kernel/index.js';
import { achievementOf, type CandidateStore } from '../candidates/index.js';
import type { ArtifactStore, ChampionHistory, ChangeLock, ModelStore } from '../models/index.js';
import type { RolloutEndings } from '../rollouts/index.js';
import type { RouteStore } from '../serving/index.js';
import type { TriggerOutcomes } from '../triggers/index.js';
import { BudgetOverdrawn, NoEvidence } from './domain/errors.js';
import { profileOf } from './domain/profile.js';
import { Promoted, type Promotion } from './domain/promotion.js';
import { overdraft } from './domain/quality-ledger.js';
import type { PromotionStore, QualityLedger } from './ports.js';
import type { RecordKeeper } from './record-keeper.js';

/** Who decides and why; the role is on record too. */
export interface Decider {
  readonly name: string;
  readonly role: Actor['role'] | 'system';
  readonly reason: string;
  /** Whether the quality budget may be overdrawn; absent = no. */
  readonly overrideBudget?: boolean;
}

/** Ends promotions: the champion changes, or the candidate is turned away. Each is one unit of work. */
export class PromotionEndings {
  constructor(
    private readonly ports: {
      readonly promotions: PromotionStore;
      readonly candidates: CandidateStore;
      readonly ledger: QualityLedger;
      readonly records: RecordKeeper;
      readonly rollouts: RolloutEndings;
      readonly champions: ChampionHistory;
      readonly models: ModelStore;
      readonly artifacts: ArtifactStore;
      readonly lock: ChangeLock;
      readonly routes: RouteStore;
      readonly outcomes: TriggerOutcomes;
      readonly facts: FactBus;
      readonly audit: AuditLog;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
  ) {}

  /**
   * The candidate becomes champion: history, route, ledger, record, audit, trigger and lock change together or not at all.
   * @throws PhaseConflict when it was rejected or its rollout is no longer ready
   * @throws BudgetOverdrawn when it costs more than the quality budget has left and `by` does not override that
   * @throws NotFound, ArtifactCorrupt when the version's bytes are not what was evaluated
   */
  async promote(id: string, by: Decider): Promise<Promotion> {
    const { promotions, artifacts, unitOfWork } = this.ports;
    const asked = await promotions.require(id);
    await artifacts.verifiedPath(asked.spec.candidateVersion);
    return unitOfWork.run('promotions.promote', async () => {
      const promotion = await promotions.require(id);
      if (promotion.status.phase === 'Promoted') return promotion;
      if (promotion.status.phase === 'Rejected') throw new PhaseConflict('promotion', id, 'Rejected', 'promote');
      return this.makeChampion(promotion, by);
    });
  }

  /** The candidate is turned away; its rollout goes back. Idempotent. @throws PhaseConflict when it serves already */
  async reject(id: string, by: Decider, decidedBy: 'rollouts' | 'promotions' = 'promotions'): Promise<Promotion> {
    const { promotions, rollouts, records, audit, unitOfWork, clock } = this.ports;
    return unitOfWork.run('promotions.reject', async () => {
      const promotion = await promotions.require(id);
      if (promotion.status.phase === 'Rejected') return promotion;
      if (promotion.status.phase === 'Promoted') throw new PhaseConflict('promotion', id, 'Promoted', 'reject');
      const reason = `Rejected by ${by.name}: ${by.reason}`;
      const status = { phase: 'Rejected', at: clock.now(), by: by.name, reason: by.reason } as const;
      const saved = await promotions.save(withStatus(promotion, status));
      const { candidate, rollout } = promotion.spec;
      await records.keep(candidate, { outcome: 'refused', decidedBy, reason, promotion: saved, rollout });
      await rollouts.requestAbort(promotion.spec.rollout, by.name, reason);
      await audit.append(this.entry('reject', promotion, by));
      return saved;
    });
  }

  private async makeChampion(promotion: Promotion, by: Decider): Promise<Promotion> {
    const { promotions, candidates, ledger, records, rollouts, outcomes, facts, audit, clock } = this.ports;
    const { spec, model, id } = promotion;
    const candidate = await candidates.require(spec.candidate);
    if (candidate.status.phase !== 'Accepted') throw new NoEvidence(spec.candidate);
    const over = await this.overdrawn(promotion, by);
    const at = clock.now();
    await rollouts.markPromoted(spec.rollout);
    const overdrawn = over === 0 ? {} : { overdraft: over };
    const status = { phase: 'Promoted', at, by: by.name, reason: by.reason, ...overdrawn } as const;
    const saved = await promotions.save(withStatus(promotion, status));
    await ledger.charge({
      ...{ promotion: id, model, reference: spec.reference, champion: spec.candidateVersion },
      ...{ loss: spec.charge, at },
    });
    await this.serve(promotion, at, profileOf(candidate.status.evaluation));
    const reason = `Promoted by ${by.name}: ${by.reason}`;
    const ending = { outcome: 'promoted', decidedBy: 'promotions', reason, promotion: saved } as const;
    await records.keep(spec.candidate, { ...ending, rollout: spec.rollout });
    if (spec.trigger !== null)
      await outcomes.resolve(spec.trigger, 'promoted', reason, achievementOf(candidate, 'promotions', id));
    await audit.append(this.entry('promote', promotion, by, overdrawn));
    await facts.publish(Promoted, { promotion: id, model });
    return saved;
  }

  /** By how much the budget is overdrawn on purpose. @throws BudgetOverdrawn when nobody said so */
  private async overdrawn({ id, model, spec }: Promotion, by: Decider): Promise<number> {
    const { models, champions, ledger } = this.ports;
    const { maxLoss } = (await models.require(model)).spec.objectives.qualityBudget;
    const current = await champions.current(model);
    const charges = await ledger.list(model, spec.reference);
    const spent = charges.find(({ champion }) => champion === current?.champion)?.loss ?? 0;
    const over = overdraft(maxLoss, spent, spec.charge);
    if (over > 0 && by.overrideBudget !== true) throw new BudgetOverdrawn(id, { charge: spec.charge, maxLoss, spent });
    return over;
  }

  private async serve({ id, model, spec }: Promotion, at: Date, profile: ReturnType<typeof profileOf>): Promise<void> {
    const { champions, routes, lock } = this.ports;
    await champions.begin({
      model,
      champion: spec.candidateVersion,
      reference: spec.reference,
      promotion: id,
      profile,
      at,
    });
    const route = await routes.find(model);
    await routes.state({
      model,
      stable: spec.candidateVersion,
      candidate: null,
      weight: 0,
      mirror: null,
      mirrorFraction: 0,
      salt: route?.salt ?? id,
      confirmBy: null,
    });
    await lock.release(model, spec.candidate);
  }

  private entry(
    verb: 'promote' | 'reject',
    { id, spec }: Promotion,
    by: Decider,
    more: Readonly<Record<string, number>> = {},
  ): Parameters<AuditLog['append']>[0] {
    return {
      actor: by.name,
      role: by.role,
      action: `promotions.${verb}`,
      subject: `promotion/${id}`,
      reason: by.reason,
      detail: { candidate: spec.candidateVersion, champion: spec.champion, charge: spec.charge, ...more },
    };
  }
}
