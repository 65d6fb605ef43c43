import {
  type Actor,
  type AuditLog,
  type Clock,
  type Digest,
  mayFollow,
  PhaseConflict,
  type UnitOfWork,
  withStatus,
  type WorkQueue,
} from '../kernel/index.js';
import { DECISION_VERSION } from './domain/advance-rollout.js';
import { NotPossibleNow } from './domain/errors.js';
import { assess, gatesToRead } from './domain/gates.js';
import type { RolloutVerb } from './domain/observation.js';
import { objectionTo, PHASES_OF_VERB } from './domain/requests.js';
import { type Rollout, ROLLOUT_TRANSITIONS, type RolloutStatus, weightOf } from './domain/rollout.js';
import { policyDigest } from './policy-digest.js';
import {
  type DecisionLog,
  RolloutEndings,
  type RolloutRequests,
  type RolloutSights,
  type RolloutStore,
} from './ports.js';
import { ROLLOUT_KIND } from './rollout-intake.js';

/** What people and stages downstream ask of a rollout. */
export class RolloutControl extends RolloutEndings {
  constructor(
    private readonly ports: {
      readonly rollouts: RolloutStore;
      readonly requests: RolloutRequests;
      readonly sights: RolloutSights;
      readonly decisions: DecisionLog;
      readonly queue: WorkQueue;
      readonly audit: AuditLog;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
  ) {
    super();
  }

  /**
   * Takes a request down; the next pass carries it out. Idempotent.
   * @throws PhaseConflict when its phase leaves no sense in it
   * @throws NotPossibleNow when the gates, as they were read last, do not allow it
   */
  async ask(id: string, verb: RolloutVerb, actor: Actor, reason: string): Promise<Rollout> {
    const { rollouts, requests, audit, unitOfWork } = this.ports;
    return unitOfWork.run('rollouts.ask', async () => {
      await requests.lock(id);
      const rollout = await rollouts.require(id);
      const { phase } = rollout.status;
      if (!PHASES_OF_VERB[verb].includes(phase)) throw new PhaseConflict('rollout', id, phase, verb);
      if (verb === 'advance' || verb === 'promote') await this.refuseUnlessPossible(rollout, verb);
      const aborting = (await requests.find(id))?.verb === 'abort';
      if (aborting && verb !== 'abort') throw new PhaseConflict('rollout', id, 'about to be aborted', verb);
      await this.take(id, verb, actor.name, reason);
      await audit.append({
        actor: actor.name,
        role: actor.role,
        action: `rollouts.${verb}`,
        subject: `rollout/${id}`,
        reason,
        detail: { phase },
      });
      return rollout;
    });
  }

  override async requestAbort(id: string, by: string, reason: string): Promise<void> {
    await this.take(id, 'abort', by, reason);
  }

  override async markPromoted(id: string): Promise<void> {
    const { rollouts, requests, decisions, queue, clock } = this.ports;
    await requests.lock(id);
    const rollout = await rollouts.require(id);
    if (rollout.status.phase === 'Promoted') return;
    const aborted = (await requests.find(id))?.verb === 'abort';
    if (aborted || !mayFollow<RolloutStatus['phase']>(ROLLOUT_TRANSITIONS, rollout.status.phase, 'Promoted'))
      throw new PhaseConflict('rollout', id, aborted ? 'about to be aborted' : rollout.status.phase, 'promote');
    const at = clock.now();
    const traffic = 'traffic' in rollout.status ? rollout.status.traffic : undefined;
    const status: RolloutStatus = {
      ...{ phase: 'Promoted', at, settledAt: null },
      ...(traffic !== undefined && { traffic: { ...traffic, set: 0, setAt: at } }),
    };
    const saved = await rollouts.save(withStatus(rollout, status));
    await decisions.append({
      ...{ rollout: id, seq: saved.revision, at, before: rollout.status, observation: null },
      decision: { status, traffic: 'leave', answered: null },
      ...{ policy: policyDigest(rollout.spec.policy), functions: DECISION_VERSION },
    });
    await queue.enqueue(ROLLOUT_KIND, id);
  }

  override async openReturn(
    id: string,
    { from, to, promotion }: { readonly from: Digest; readonly to: Digest; readonly promotion: string },
  ): Promise<Rollout> {
    const { rollouts, queue, clock } = this.ports;
    const undone = await rollouts.require(id);
    const at = clock.now();
    const rollout: Rollout = {
      ...{ id: `${promotion}-t`, model: undone.model, revision: 0, createdAt: at, updatedAt: at },
      spec: { ...undone.spec, champion: from, candidateVersion: to, undoes: id },
      status: { phase: 'Promoted', at, settledAt: null },
    };
    const saved = await rollouts.save(rollout);
    await queue.enqueue(ROLLOUT_KIND, saved.id);
    return saved;
  }

  /** As the last pass saw it; the pass that carries it out looks once more. */
  private async refuseUnlessPossible(rollout: Rollout, verb: 'advance' | 'promote'): Promise<void> {
    const question = gatesToRead(rollout);
    const sight = await this.ports.sights.find(rollout.id);
    const read = sight?.readings ?? [];
    const overruled = rollout.status.phase === 'Progressing' ? rollout.status.overruled : [];
    const view = question === null ? null : assess(question.gates, read, question.notBefore, overruled);
    const traffic = 'traffic' in rollout.status ? rollout.status.traffic : undefined;
    const objection = objectionTo(verb, rollout, view, traffic?.actual === weightOf(rollout));
    if (objection !== null) throw new NotPossibleNow(rollout.id, verb, objection);
  }

  private async take(id: string, verb: RolloutVerb, by: string, reason: string): Promise<void> {
    await this.ports.requests.put(id, { verb, by, reason });
    await this.ports.queue.enqueue(ROLLOUT_KIND, id);
  }
}
