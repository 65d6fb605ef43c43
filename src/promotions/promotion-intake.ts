import type { Clock, UnitOfWork, WorkQueue } from '../kernel/index.js';
import type { CandidateStore } from '../candidates/index.js';
import type { ModelStore } from '../models/index.js';
import type { RolloutStore } from '../rollouts/index.js';
import { chargeOf } from './domain/quality-ledger.js';
import { NoEvidence } from './domain/errors.js';
import type { Promotion } from './domain/promotion.js';
import type { PromotionStore } from './ports.js';

export const PROMOTION_KIND = 'promotion';

/** Creates the promotion that follows from a rollout whose every step passed. */
export class PromotionIntake {
  constructor(
    private readonly stores: {
      readonly promotions: PromotionStore;
      readonly rollouts: RolloutStore;
      readonly candidates: CandidateStore;
      readonly models: ModelStore;
      readonly queue: WorkQueue;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
  ) {}

  /** Idempotent. @throws NoEvidence when the candidate was never accepted */
  async fromRollout(rolloutId: string): Promise<Promotion> {
    const { promotions, rollouts, candidates, models, queue, unitOfWork, clock } = this.stores;
    const rollout = await rollouts.require(rolloutId);
    const candidate = await candidates.require(rollout.spec.candidate);
    if (candidate.status.phase !== 'Accepted') throw new NoEvidence(candidate.id);
    const { spec } = await models.require(rollout.model);
    const now = clock.now();
    const promotion: Promotion = {
      id: `${candidate.id}-p${rollout.spec.attempt ?? ''}`,
      model: rollout.model,
      spec: {
        rollout: rolloutId,
        candidate: candidate.id,
        candidateVersion: candidate.spec.digest,
        champion: rollout.spec.champion,
        reference: candidate.spec.reference,
        trigger: candidate.spec.trigger,
        approval: spec.promotion.approval,
        charge: chargeOf(candidate.status.evaluation),
      },
      status: { phase: 'AwaitingApproval', since: now },
      revision: 0,
      createdAt: now,
      updatedAt: now,
    };
    return unitOfWork.run('promotions.from-rollout', async () => {
      const saved = await promotions.save(promotion);
      await queue.enqueue(PROMOTION_KIND, saved.id);
      return saved;
    });
  }
}
