import { type AuditLog, type Clock, type FactBus, PhaseConflict, type UnitOfWork } from '../kernel/index.js';
import type { ArtifactStore, ChampionHistory, ChampionPeriod } from '../models/index.js';
import type { RolloutEndings } from '../rollouts/index.js';
import type { RouteStore } from '../serving/index.js';
import { NoLongerServes } from './domain/errors.js';
import { Promoted, type Promotion } from './domain/promotion.js';
import type { PromotionStore, QualityLedger } from './ports.js';
import type { Decider } from './promote.js';
import type { RecordKeeper } from './record-keeper.js';

/**
 * Takes a promotion back: the champion that it replaced serves again, as a promotion of its own with its own record. It asks
 * no gate and needs no metrics: what serves again was proven when it was promoted, and getting back must always work.
 */
export class PromotionRollback {
  constructor(
    private readonly ports: {
      readonly promotions: PromotionStore;
      readonly ledger: QualityLedger;
      readonly records: RecordKeeper;
      readonly rollouts: RolloutEndings;
      readonly champions: ChampionHistory;
      readonly artifacts: ArtifactStore;
      readonly routes: RouteStore;
      readonly facts: FactBus;
      readonly audit: AuditLog;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
  ) {}

  /**
   * Idempotent: taken back twice it is the same promotion. Whatever else is under way for the model ends by itself, because the
   * champion that it was compared with no longer serves.
   * @throws PhaseConflict when it did not happen, or is a rollback itself
   * @throws NoLongerServes when another version serves by now
   * @throws NotFound, ArtifactCorrupt when the former champion's bytes are not what they were
   */
  async rollBack(id: string, by: Decider): Promise<Promotion> {
    const { promotions, artifacts, unitOfWork } = this.ports;
    const promotion = await promotions.require(id);
    if (promotion.status.phase !== 'Promoted')
      throw new PhaseConflict('promotion', id, promotion.status.phase, 'roll back');
    if (promotion.spec.undoes !== undefined) throw new PhaseConflict('promotion', id, 'a rollback itself', 'roll back');
    const done = await promotions.find(backOf(id));
    if (done !== null) return done;
    await artifacts.verifiedPath(promotion.spec.champion);
    return unitOfWork.run('promotions.roll-back', () => this.serveAgain(promotion, by));
  }

  private async serveAgain(undone: Promotion, by: Decider): Promise<Promotion> {
    const { promotions, champions, ledger, records, rollouts, facts, audit } = this.ports;
    const { id, model, spec } = undone;
    const current = await champions.current(model);
    if (current?.champion !== spec.candidateVersion) throw new NoLongerServes(id, spec.candidateVersion);
    const former = (await champions.list(model)).find(({ champion }) => champion === spec.champion);
    if (former === undefined) throw new NoLongerServes(id, spec.champion);
    const at = this.ports.clock.now();
    const [charge] = (await ledger.list(model, former.reference)).filter(({ champion }) => champion === spec.champion);
    const loss = charge?.loss ?? 0;
    const back = await promotions.save({
      ...{ id: backOf(id), model, revision: 0, createdAt: at, updatedAt: at },
      spec: {
        ...spec,
        ...{ candidateVersion: spec.champion, champion: spec.candidateVersion, reference: former.reference },
        ...{ trigger: null, approval: 'manual', charge: loss, undoes: id },
      },
      status: { phase: 'Promoted', at, by: by.name, reason: by.reason },
    });
    await ledger.charge({
      ...{ promotion: back.id, model, reference: former.reference, champion: spec.champion, loss, at },
    });
    await this.serve(back, former, at);
    await rollouts.openReturn(spec.rollout, { from: spec.candidateVersion, to: spec.champion, promotion: back.id });
    await records.keepRollback(back, `Taken back by ${by.name}: ${by.reason}`);
    await audit.append({
      ...{
        actor: by.name,
        role: by.role,
        action: 'promotions.rollback',
        subject: `promotion/${id}`,
        reason: by.reason,
      },
      detail: { from: spec.candidateVersion, to: spec.champion, promotion: back.id },
    });
    await facts.publish(Promoted, { promotion: back.id, model });
    return back;
  }

  private async serve({ id, model, spec }: Promotion, { profile, reference }: ChampionPeriod, at: Date): Promise<void> {
    const { champions, routes } = this.ports;
    const champion = spec.candidateVersion;
    await champions.begin({ model, champion, reference, promotion: id, profile, at });
    const route = await routes.find(model);
    await routes.state({
      ...{ model, stable: champion, candidate: null, weight: 0, mirror: null, mirrorFraction: 0 },
      ...{ salt: route?.salt ?? id, confirmBy: null },
    });
  }
}

/** The id of the promotion that takes another one back. */
function backOf(id: string): string {
  return `${id}-b`;
}
