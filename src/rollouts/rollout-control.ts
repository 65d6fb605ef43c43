import {
  type Actor,
  type AuditLog,
  type Clock,
  mayFollow,
  PhaseConflict,
  type UnitOfWork,
  withStatus,
  type WorkQueue,
} from '../kernel/index.js';
import { type Rollout, ROLLOUT_TRANSITIONS, type RolloutStatus } from './domain/rollout.js';
import { RolloutEndings, type RolloutRequests, type RolloutStore } from './ports.js';
import { ROLLOUT_KIND } from './rollout-intake.js';

type Verb = 'pause' | 'resume' | 'abort';

/** Phases in which a verb still means something. */
const ALLOWED: Readonly<Record<Verb, readonly RolloutStatus['phase'][]>> = {
  pause: ['Progressing', 'Paused'],
  resume: ['Paused', 'Progressing'],
  abort: ['Pending', 'Progressing', 'Paused', 'Ready', 'Aborted', 'RolledBack'],
};

/** What people and stages downstream ask of a rollout. */
export class RolloutControl extends RolloutEndings {
  constructor(
    private readonly ports: {
      readonly rollouts: RolloutStore;
      readonly requests: RolloutRequests;
      readonly queue: WorkQueue;
      readonly audit: AuditLog;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
  ) {
    super();
  }

  /** Takes a request down; the next pass carries it out. Idempotent. @throws PhaseConflict */
  async ask(id: string, verb: Verb, actor: Actor, reason: string): Promise<Rollout> {
    const { rollouts, audit, unitOfWork } = this.ports;
    return unitOfWork.run('rollouts.ask', async () => {
      await this.ports.requests.lock(id);
      const rollout = await rollouts.require(id);
      const { phase } = rollout.status;
      if (!ALLOWED[verb].includes(phase)) throw new PhaseConflict('rollout', id, phase, verb);
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
    await this.ports.requests.lock(id);
    const rollout = await this.ports.rollouts.require(id);
    if (rollout.status.phase === 'Promoted') return;
    const aborted = (await this.ports.requests.find(id))?.verb === 'abort';
    if (aborted || !mayFollow<RolloutStatus['phase']>(ROLLOUT_TRANSITIONS, rollout.status.phase, 'Promoted'))
      throw new PhaseConflict('rollout', id, aborted ? 'about to be aborted' : rollout.status.phase, 'promote');
    await this.ports.rollouts.save(withStatus(rollout, { phase: 'Promoted', at: this.ports.clock.now() }));
  }

  private async take(id: string, verb: Verb, by: string, reason: string): Promise<void> {
    await this.ports.requests.put(id, { verb, by, reason });
    await this.ports.queue.enqueue(ROLLOUT_KIND, id);
  }
}
