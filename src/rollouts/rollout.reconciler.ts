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
import type { TriggerOutcomes } from '../triggers/index.js';
import { achievementOf, type CandidateStore } from '../candidates/index.js';
import { advanceRollout, DECISION_VERSION, type RolloutDecision } from './domain/advance-rollout.js';
import { closingBackOffMs } from './domain/close-rollout.js';
import { gatesToRead } from './domain/gates.js';
import { isMaterial } from './domain/material.js';
import { recordable, type RolloutObservation } from './domain/observation.js';
import { isEnded, isSettled, type Rollout, RolloutFailed, RolloutReady, type StatusOf } from './domain/rollout.js';
import { policyDigest } from './policy-digest.js';
import type {
  DecisionLog,
  GateMeter,
  RolloutRequests,
  RolloutSight,
  RolloutSights,
  RolloutStore,
  TrafficRouter,
} from './ports.js';
import { tellClosing, tellPass } from './rollout-telling.js';
import { ROLLOUT_KIND } from './rollout-intake.js';
import { TrafficDesk } from './traffic-desk.js';
import { orderOf } from './traffic-order.js';

const SHORTEST_PASS_MS = 500;
const LONGEST_PASS_MS = 5_000;
/** Passes in the shortest of a policy's times. */
const PASSES = 20;

type Ended = StatusOf<'RolledBack' | 'Aborted'>;

/** Takes one rollout from its first step to its end, and its traffic to rest: find, observe, decide, act, save. */
export class RolloutReconciler implements Reconciler {
  readonly kind = ROLLOUT_KIND;
  readonly urgent = true;
  private readonly desk: TrafficDesk;

  constructor(
    private readonly stores: {
      readonly rollouts: RolloutStore;
      readonly requests: RolloutRequests;
      readonly sights: RolloutSights;
      readonly decisions: DecisionLog;
    },
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
  ) {
    this.desk = new TrafficDesk({ ...stores, router, ...ports });
  }

  async reconcile(key: string): Promise<ReconcileResult> {
    const { rollouts, sights } = this.stores;
    const rollout = await rollouts.find(key);
    if (rollout === null || isSettled(rollout.status)) return {};
    if (isEnded(rollout.status)) return this.close(rollout, rollout.status);
    const before = await sights.find(key);
    const seen = recordable(await this.observe(rollout));
    const decision = advanceRollout(rollout, seen);
    const stated = await this.desk.state(rollout, decision, seen, before);
    const saved = await this.save(rollout, decision, seen);
    await sights.put(key, {
      ...{ at: seen.now, readings: seen.readings, confirmBy: stated.confirmBy, routerError: stated.error },
      ...{ actualReason: seen.actualReason ?? null, closingAttempts: 0 },
    });
    tellPass(rollout, saved, seen, stated.confirmBy);
    return isSettled(saved.status) ? {} : { requeueAfterMs: this.pauseBefore(saved, decision) };
  }

  private async observe(rollout: Rollout): Promise<RolloutObservation> {
    const { rollouts, requests } = this.stores;
    const { champion, candidateVersion } = rollout.spec;
    const reads = gatesToRead(rollout);
    const versions = { champion, candidate: candidateVersion };
    const [current, request, sight, readings, blockedBy] = await Promise.all([
      this.ports.champions.current(rollout.model),
      requests.find(rollout.id),
      this.router.observe(orderOf(rollout)),
      reads === null
        ? []
        : Promise.all(reads.gates.map((gate) => this.meter.read(rollout.model, gate, versions, reads.notBefore))),
      rollout.status.phase === 'Pending' ? rollouts.blocking(rollout) : null,
    ]);
    return {
      now: this.ports.clock.now(),
      championNow: current?.champion ?? null,
      ...{ request, readings, blockedBy },
      ...{ actualWeight: sight.weight, actualReason: sight.reason, lapsed: sight.lapsed },
    };
  }

  private async save(rollout: Rollout, decision: RolloutDecision, observation: RolloutObservation): Promise<Rollout> {
    const { status, answered } = decision;
    if (!isMaterial(rollout.status, status) && answered === null) return rollout;
    const { rollouts, requests, decisions } = this.stores;
    const { facts, unitOfWork } = this.ports;
    return unitOfWork.run('rollouts.save', async () => {
      // Looked at once more where nobody else can claim the same traffic at the same time.
      const leavesPending = rollout.status.phase === 'Pending' && status.phase !== 'Pending' && !isEnded(status);
      if (leavesPending && (await rollouts.blocking(rollout)) !== null)
        throw new RevisionConflict('rollout', rollout.id);
      const saved = await rollouts.save(withStatus(rollout, status));
      await decisions.append({
        ...{ rollout: rollout.id, seq: saved.revision, at: observation.now, before: rollout.status },
        ...{ observation, decision, policy: policyDigest(rollout.spec.policy), functions: DECISION_VERSION },
      });
      if (answered !== null && answered.verb !== 'abort') await requests.clear(rollout.id, answered.verb);
      if (status.phase === 'Ready' && rollout.status.phase !== 'Ready')
        await facts.publish(RolloutReady, { rollout: rollout.id, model: rollout.model });
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

  /** The end is stated until the data plane was seen to follow, whatever the router says meanwhile. */
  private async close(
    rollout: Rollout,
    ended: StatusOf<'Promoted' | 'RolledBack' | 'Aborted'>,
  ): Promise<ReconcileResult> {
    const { rollouts, sights } = this.stores;
    const before = await sights.find(rollout.id);
    const { status, stated, reason } = await this.desk.close(rollout, ended);
    const saved = isMaterial(ended, status)
      ? await this.ports.unitOfWork.run('rollouts.close', () => rollouts.save(withStatus(rollout, status)))
      : rollout;
    const attempts = isSettled(status) ? 0 : (before?.closingAttempts ?? 0) + 1;
    await sights.put(rollout.id, {
      ...sightless(before, this.ports.clock.now()),
      ...{ confirmBy: null, routerError: stated.error, actualReason: reason, closingAttempts: attempts },
    });
    tellClosing(saved, attempts);
    return attempts === 0 ? {} : { requeueAfterMs: closingBackOffMs(attempts - 1) };
  }

  /** As often as the shortest of its times asks for; at once when a weight waits to be set. */
  private pauseBefore({ status, spec }: Rollout, { status: decided, traffic }: RolloutDecision): number {
    if (isEnded(status)) return SHORTEST_PASS_MS;
    if (decided.phase === 'Progressing' && decided.inForceSince === null && traffic !== stepWeight(spec, decided.step))
      return 0;
    const { confirmSeconds, blindSeconds, steps } = spec.policy;
    const step = 'step' in status ? steps[status.step ?? 0] : undefined;
    const shortest = Math.min(confirmSeconds, blindSeconds, step?.holdSeconds ?? confirmSeconds);
    return Math.min(LONGEST_PASS_MS, Math.max(SHORTEST_PASS_MS, (shortest * 1000) / PASSES));
  }
}

function stepWeight({ policy }: Rollout['spec'], step: number): number {
  return policy.steps[step]?.weight ?? 0;
}

function sightless(before: RolloutSight | null, at: Date): Pick<RolloutSight, 'at' | 'readings'> {
  return { at, readings: before?.readings ?? [] };
}

/** A refusal lets the next remedy be a stronger one; what nobody could see is no reason for that. */
function isCharged(status: Ended): boolean {
  return status.phase === 'Aborted' || status.charged;
}
