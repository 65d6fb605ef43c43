import type { ReconcileResult, Reconciler } from '../kernel/index.js';
import type { RolloutStore } from '../rollouts/index.js';
import { log } from '../platform/observability/index.js';
import { BudgetOverdrawn } from './domain/errors.js';
import type { PromotionStore } from './ports.js';
import { PROMOTION_KIND } from './promotion-intake.js';
import type { PromotionEndings } from './promote.js';

const WAITING_MS = 2_000;

/** Promotes what needs no approval; turns away what waits for one while its rollout has ended. */
export class PromotionReconciler implements Reconciler {
  readonly kind = PROMOTION_KIND;
  readonly urgent = true;

  constructor(
    private readonly promotions: PromotionStore,
    private readonly rollouts: RolloutStore,
    private readonly endings: PromotionEndings,
  ) {}

  async reconcile(key: string): Promise<ReconcileResult> {
    const promotion = await this.promotions.find(key);
    if (promotion?.status.phase !== 'AwaitingApproval') return {};
    const rollout = await this.rollouts.require(promotion.spec.rollout);
    const system = { name: 'system:promotions', role: 'system' } as const;
    if (rollout.status.phase === 'RolledBack' || rollout.status.phase === 'Aborted') {
      await this.endings.reject(key, { ...system, reason: `its rollout ended: ${rollout.status.reason}` }, 'rollouts');
      return {};
    }
    const early = rollout.status.phase === 'Ready' ? (rollout.status.promotion ?? null) : null;
    if (early !== null) return this.promoteEarly(key, early);
    if (promotion.spec.approval === 'manual') return { requeueAfterMs: WAITING_MS };
    try {
      await this.endings.promote(key, { ...system, reason: 'every gate passed and the policy asks for no approval' });
      log.info({ promotion: key, model: promotion.model }, 'champion changed');
    } catch (error) {
      if (!(error instanceof BudgetOverdrawn)) throw error;
      await this.endings.reject(key, { ...system, reason: error.message });
    }
    return {};
  }

  /** Whoever promoted ahead of the steps has not said that the budget may be overdrawn: that is asked for by itself. */
  private async promoteEarly(
    key: string,
    { by, reason }: { readonly by: string; readonly reason: string },
  ): Promise<ReconcileResult> {
    try {
      await this.endings.promote(key, { name: by, role: 'approver', reason });
      return {};
    } catch (error) {
      if (!(error instanceof BudgetOverdrawn)) throw error;
      return { requeueAfterMs: WAITING_MS };
    }
  }
}
