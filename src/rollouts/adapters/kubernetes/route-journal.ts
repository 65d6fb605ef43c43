import { RatchetError } from '../../../kernel/index.js';
import { log } from '../../../platform/observability/index.js';
import type { RoutePlan } from '../../domain/routes/index.js';
import type { TrafficOrder, TrafficSight } from '../../ports.js';

/** Says once what stands in the way of a rollout's traffic, and keeps failures from those who only look. */
export class RouteJournal {
  private readonly inTheWay = new Map<string, { readonly reason: string; readonly refused: boolean }>();

  /** Tries to state a weight. What does not work is logged once; `observe` tells the rollout. */
  async attempt(rollout: string, state: () => Promise<RoutePlan>): Promise<void> {
    try {
      const plan = await state();
      this.say(rollout, plan.kind === 'patch' ? null : plan.reason, plan.kind === 'refused');
    } catch (error) {
      if (!(error instanceof RatchetError)) throw error;
      this.say(rollout, error.message, false);
    }
  }

  /** Never rejects: what cannot be seen is a null weight with a reason; what was refused last is said too. */
  async see(order: TrafficOrder, look: () => Promise<TrafficSight>): Promise<TrafficSight> {
    try {
      const sight = await look();
      const obstacle = this.inTheWay.get(order.rollout);
      if (obstacle === undefined || sight.lapsed || sight.refused === true) return sight;
      return { ...sight, reason: obstacle.reason, ...(obstacle.refused && { refused: true }) };
    } catch (error) {
      return { weight: null, reason: error instanceof Error ? error.message : String(error), lapsed: false };
    }
  }

  /** @param absent what to say where there was no route to plan for */
  gaveBack({ rollout }: TrafficOrder, plan: RoutePlan | null, absent: string): void {
    this.inTheWay.delete(rollout);
    if (plan === null) log.warn({ rollout, reason: absent }, 'nothing to give back');
    else if (plan.kind === 'patch') log.info({ rollout }, 'traffic given back');
    else if (plan.reason !== null) log.warn({ rollout, reason: plan.reason }, 'nothing to give back');
  }

  private say(rollout: string, reason: string | null, isRefusal: boolean): void {
    if (reason === null) this.inTheWay.delete(rollout);
    else if (this.inTheWay.get(rollout)?.reason !== reason) {
      this.inTheWay.set(rollout, { reason, refused: isRefusal });
      log.warn({ rollout, reason }, 'weight cannot be set');
    }
  }
}
