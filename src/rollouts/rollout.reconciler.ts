import {
  type Clock,
  type FactBus,
  type ReconcileResult,
  type Reconciler,
  RevisionConflict,
  type UnitOfWork,
  withStatus,
} from '../kernel/index.js';
import type { ChampionHistory, ChangeLock } from '../models/index.js';
import { log } from '../platform/observability/index.js';
import type { TriggerOutcomes } from '../triggers/index.js';
import { achievementOf, type CandidateStore } from '../candidates/index.js';
import {
  advanceRollout,
  gatesToRead,
  type RolloutDecision,
  type RolloutObservation,
} from './domain/advance-rollout.js';
import { type Rollout, RolloutFailed, RolloutReady, type RolloutStatus } from './domain/rollout.js';
import { actualWeightRatio, gateVerdictsTotal, setWeightRatio, transitionsTotal } from './metrics.js';
import type { GateMeter, RolloutRequests, RolloutStore, TrafficOrder, TrafficRouter } from './ports.js';
import { ROLLOUT_KIND } from './rollout-intake.js';

const PASS_MS = 500;

type Ended = Extract<RolloutStatus, { phase: 'RolledBack' | 'Aborted' }>;

/** Takes one rollout from its first step to its end: find, observe, decide, act, save. */
export class RolloutReconciler implements Reconciler {
  readonly kind = ROLLOUT_KIND;

  constructor(
    private readonly rollouts: RolloutStore,
    private readonly requests: RolloutRequests,
    private readonly router: TrafficRouter,
    private readonly meter: GateMeter,
    private readonly ports: {
      readonly candidates: CandidateStore;
      readonly champions: ChampionHistory;
      readonly lock: ChangeLock;
      readonly outcomes: TriggerOutcomes;
      readonly facts: FactBus;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
  ) {}

  async reconcile(key: string): Promise<ReconcileResult> {
    const rollout = await this.rollouts.find(key);
    if (rollout === null || ['Promoted', 'RolledBack', 'Aborted'].includes(rollout.status.phase)) return {};
    const seen = await this.observe(rollout);
    const decision = advanceRollout(rollout, seen);
    await this.act(rollout, decision, seen);
    const saved = await this.save(rollout, decision);
    this.tell(rollout, saved, decision, seen);
    return ['Promoted', 'RolledBack', 'Aborted'].includes(saved.status.phase) ? {} : { requeueAfterMs: PASS_MS };
  }

  private async observe(rollout: Rollout): Promise<RolloutObservation> {
    const { champion, candidateVersion } = rollout.spec;
    const reads = gatesToRead(rollout);
    const versions = { champion, candidate: candidateVersion };
    const [current, request, sight, readings] = await Promise.all([
      this.ports.champions.current(rollout.model),
      this.requests.find(rollout.id),
      this.router.observe(orderOf(rollout)),
      reads === null
        ? []
        : Promise.all(reads.gates.map((gate) => this.meter.read(rollout.model, gate, versions, reads.notBefore))),
    ]);
    return {
      now: this.ports.clock.now(),
      championNow: current?.champion ?? null,
      request,
      actualWeight: sight.weight,
      readings,
    };
  }

  /**
   * Traffic first, so that a crash before the save leaves a state that the next pass states again. Under the rollout's
   * lock, so that a pass that was overtaken by a promotion does not take the traffic from the new champion.
   */
  private async act(rollout: Rollout, decision: RolloutDecision, seen: RolloutObservation): Promise<void> {
    await this.ports.unitOfWork.run('rollouts.route', async () => {
      await this.requests.lock(rollout.id);
      const now = await this.rollouts.require(rollout.id);
      if (now.revision !== rollout.revision) throw new RevisionConflict('rollout', rollout.id);
      await this.route(rollout, decision, seen);
    });
  }

  private async route(rollout: Rollout, { weight }: RolloutDecision, seen: RolloutObservation): Promise<void> {
    const { champion, policy } = rollout.spec;
    if (weight === null) {
      await this.router.giveBack(orderOf(rollout), asDigest(seen.championNow) ?? champion);
      return;
    }
    const confirmBy = new Date(seen.now.getTime() + policy.confirmSeconds * 1000);
    await this.router.setWeight(orderOf(rollout), weight, confirmBy);
  }

  private async save(rollout: Rollout, { status }: RolloutDecision): Promise<Rollout> {
    if (JSON.stringify(status) === JSON.stringify(rollout.status)) return rollout;
    const { facts, unitOfWork } = this.ports;
    return unitOfWork.run('rollouts.save', async () => {
      const saved = await this.rollouts.save(withStatus(rollout, status));
      if (status.phase === 'Paused') await this.requests.clear(rollout.id, 'pause');
      if (rollout.status.phase === 'Paused') await this.requests.clear(rollout.id, 'resume');
      if (status.phase === 'Ready') await facts.publish(RolloutReady, { rollout: rollout.id, model: rollout.model });
      if (status.phase === 'RolledBack' || status.phase === 'Aborted') await this.end(saved, status);
      return saved;
    });
  }

  private async end(rollout: Rollout, status: Ended): Promise<void> {
    const { phase: outcome, reason } = status;
    const { candidates, lock, outcomes, facts } = this.ports;
    const { candidate } = rollout.spec;
    const tried = await candidates.require(candidate);
    const { trigger } = tried.spec;
    await lock.release(rollout.model, candidate);
    const ending = isCharged(status) ? 'refused' : 'failed';
    if (trigger !== null) await outcomes.resolve(trigger, ending, reason, achievementOf(tried, 'rollouts'));
    await facts.publish(RolloutFailed, { rollout: rollout.id, candidate, model: rollout.model, outcome, reason });
  }

  private tell(before: Rollout, saved: Rollout, { weight }: RolloutDecision, seen: RolloutObservation): void {
    const { model } = saved;
    setWeightRatio.set({ model }, (weight ?? 0) / 100);
    actualWeightRatio.set({ model }, seen.actualWeight === null ? Number.NaN : seen.actualWeight / 100);
    for (const { gate, verdict } of seen.readings) gateVerdictsTotal.inc({ gate: gate.kind, verdict });
    const stepOf = (rollout: Rollout): number => ('step' in rollout.status ? rollout.status.step : -1);
    if (before.status.phase === saved.status.phase && stepOf(before) === stepOf(saved)) return;
    transitionsTotal.inc({ phase: saved.status.phase });
    log.info({ rollout: saved.id, phase: saved.status.phase, step: stepOf(saved), weight }, 'rollout advanced');
  }
}

function orderOf({ id, model, spec }: Rollout): TrafficOrder {
  const { champion, candidateVersion, salt, policy } = spec;
  return {
    ...{ rollout: id, model, champion, candidate: candidateVersion, salt },
    target: policy.target ?? { kind: 'builtin' },
  };
}

function asDigest(champion: string | null): Rollout['spec']['champion'] | null {
  return champion as Rollout['spec']['champion'] | null;
}

/** A refusal lets the next remedy be a stronger one; what nobody could see is no reason for that. */
function isCharged(status: Ended): boolean {
  return status.phase === 'Aborted' || status.charged;
}
