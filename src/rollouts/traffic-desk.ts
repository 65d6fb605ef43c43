import { type Clock, type Digest, failpoint, RevisionConflict, type UnitOfWork } from '../kernel/index.js';
import type { ChampionHistory } from '../models/index.js';
import { log } from '../platform/observability/index.js';
import type { RolloutDecision } from './domain/advance-rollout.js';
import { closeRollout } from './domain/close-rollout.js';
import { isEnded, type Rollout, type RolloutStatus, type StatusOf } from './domain/rollout.js';
import { routerErrorsTotal } from './metrics.js';
import type { RolloutRequests, RolloutSight, RolloutStore, TrafficRouter } from './ports.js';
import { orderOf } from './traffic-order.js';

/** What stating the wanted traffic came to. A router that fails never stops the decision: it is stated again. */
export interface Stated {
  /** Until when the data plane keeps the weight; null = none is set. */
  readonly confirmBy: Date | null;
  readonly error: string | null;
}

/** A lease is renewed once a third of it is over, so that two renewals may fail before it runs out. */
const RENEWED_BELOW = 2 / 3;

/** States what a rollout wants of the data plane, and brings ended ones to rest. */
export class TrafficDesk {
  constructor(
    private readonly ports: {
      readonly rollouts: RolloutStore;
      readonly requests: RolloutRequests;
      readonly router: TrafficRouter;
      readonly champions: ChampionHistory;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
  ) {}

  /**
   * Under the rollout's lock, so that a pass that was overtaken by a promotion does not take the traffic from the new champion.
   * @throws RevisionConflict when the rollout was changed since it was read
   */
  async state(
    rollout: Rollout,
    { status, traffic }: Pick<RolloutDecision, 'status' | 'traffic'>,
    seen: { readonly now: Date; readonly actualWeight: number | null },
    before: RolloutSight | null,
  ): Promise<Stated> {
    const kept = before?.confirmBy ?? null;
    if (traffic === 'leave') return { confirmBy: kept, error: null };
    if (traffic === 'give-back') return this.attempt('give-back', null, () => this.giveBack(rollout));
    const { confirmSeconds } = rollout.spec.policy;
    const known = 'traffic' in rollout.status ? rollout.status.traffic : undefined;
    const isSet = known?.set === traffic;
    const left = kept === null ? 0 : kept.getTime() - seen.now.getTime();
    const holds = isSet && seen.actualWeight === traffic && left > confirmSeconds * 1000 * RENEWED_BELOW;
    if (holds && !isEnded(status)) return { confirmBy: kept, error: null };
    const confirmBy = new Date(seen.now.getTime() + confirmSeconds * 1000);
    return this.attempt('set-weight', kept, async () => {
      failpoint('rollouts.set-weight:before');
      await this.locked(rollout, () => this.ports.router.setWeight(orderOf(rollout), traffic, confirmBy));
      failpoint('rollouts.set-weight:after');
      return confirmBy;
    });
  }

  /** States the end of a rollout once more and looks whether the data plane follows. */
  async close(
    rollout: Rollout,
    status: StatusOf<'Promoted' | 'RolledBack' | 'Aborted'>,
  ): Promise<{ readonly status: RolloutStatus; readonly stated: Stated; readonly reason: string | null }> {
    const { router, clock } = this.ports;
    let settled = false;
    const stated = await this.attempt(status.phase === 'Promoted' ? 'settle' : 'give-back', null, async () => {
      if (status.phase === 'Promoted') settled = await this.settle(rollout);
      else await this.giveBack(rollout);
      return null;
    });
    const sight = await router.observe(orderOf(rollout));
    const done = stated.error === null && (status.phase === 'Promoted' ? settled : sight.weight === 0);
    const now = clock.now();
    return { status: closeRollout(status, { now, done, actualWeight: sight.weight }), stated, reason: sight.reason };
  }

  private async settle(rollout: Rollout): Promise<boolean> {
    failpoint('rollouts.settle:before');
    const settled = await this.ports.router.settle(orderOf(rollout));
    failpoint('rollouts.settle:after');
    return settled;
  }

  private async giveBack(rollout: Rollout): Promise<null> {
    const { champions, router } = this.ports;
    const current = await champions.current(rollout.model);
    const champion: Digest = current?.champion ?? rollout.spec.champion;
    failpoint('rollouts.give-back:before');
    await this.locked(rollout, () => router.giveBack(orderOf(rollout), champion));
    failpoint('rollouts.give-back:after');
    return null;
  }

  private locked(rollout: Rollout, work: () => Promise<void>): Promise<void> {
    const { requests, rollouts, unitOfWork } = this.ports;
    return unitOfWork.run('rollouts.route', async () => {
      await requests.lock(rollout.id);
      const now = await rollouts.require(rollout.id);
      if (now.revision !== rollout.revision) throw new RevisionConflict('rollout', rollout.id);
      await work();
    });
  }

  /** Being overtaken ends the pass; anything else is what the next pass tries again. */
  private async attempt(
    call: 'set-weight' | 'give-back' | 'settle',
    kept: Date | null,
    work: () => Promise<Date | null>,
  ): Promise<Stated> {
    try {
      return { confirmBy: await work(), error: null };
    } catch (error) {
      if (error instanceof RevisionConflict) throw error;
      routerErrorsTotal.inc({ call });
      log.warn({ err: error, call }, 'router did not take what was wanted');
      return { confirmBy: kept, error: error instanceof Error ? error.message : String(error) };
    }
  }
}
