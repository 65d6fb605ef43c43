import { RatchetError } from '../../../kernel/index.js';
import { log } from '../../../platform/observability/index.js';
import type { RoutePlan } from '../../domain/routes/index.js';
import type { TrafficOrder, TrafficSight } from '../../ports.js';

/** Says once what stands in the way of a rollout's traffic, and keeps failures from those who only look. */
export class RouteJournal {
  private readonly said = new Map<string, string>();

  /** Tries to state a weight. What does not work is logged once; `observe` tells the rollout. */
  async attempt(rollout: string, state: () => Promise<RoutePlan>): Promise<void> {
    try {
      const plan = await state();
      this.say(rollout, plan.kind === 'patch' ? null : plan.reason);
    } catch (error) {
      if (!(error instanceof RatchetError)) throw error;
      this.say(rollout, error.message);
    }
  }

  /** Never rejects: what cannot be seen is a null weight with a reason. */
  async see(order: TrafficOrder, look: () => Promise<TrafficSight>): Promise<TrafficSight> {
    try {
      return await look();
    } catch (error) {
      return { weight: null, reason: error instanceof Error ? error.message : String(error), lapsed: false };
    }
  }

  /** @param absent what to say where there was no route to plan for */
  gaveBack({ rollout }: TrafficOrder, plan: RoutePlan | null, absent: string): void {
    this.said.delete(rollout);
    if (plan === null) log.warn({ rollout, reason: absent }, 'nothing to give back');
    else if (plan.kind === 'patch') log.info({ rollout }, 'traffic given back');
    else if (plan.reason !== null) log.warn({ rollout, reason: plan.reason }, 'nothing to give back');
  }

  private say(rollout: string, reason: string | null): void {
    if (reason === null) this.said.delete(rollout);
    else if (this.said.get(rollout) !== reason) {
      this.said.set(rollout, reason);
      log.warn({ rollout, reason }, 'weight cannot be set');
    }
  }
}
