import {
  type Actor,
  type AuditLog,
  type Clock,
  type Ids,
  PhaseConflict,
  type UnitOfWork,
  type WorkQueue,
} from '../kernel/index.js';
import type { ChampionHistory, ChangeLock, ModelStore } from '../models/index.js';
import { RetryRefused } from './domain/errors.js';
import { isEnded, isSettled, type Rollout } from './domain/rollout.js';
import type { RolloutStore } from './ports.js';
import { ROLLOUT_KIND } from './rollout-intake.js';

/** Tries a candidate again whose rollout went back or was aborted: a new rollout, by the policy as it stands now. */
export class RolloutRetry {
  constructor(
    private readonly ports: {
      readonly rollouts: RolloutStore;
      readonly models: ModelStore;
      readonly champions: ChampionHistory;
      readonly lock: ChangeLock;
      readonly queue: WorkQueue;
      readonly audit: AuditLog;
      readonly unitOfWork: UnitOfWork;
      readonly ids: Ids;
      readonly clock: Clock;
    },
  ) {}

  /**
   * Idempotent: while a retry of the candidate is under way, that one is returned.
   * @throws PhaseConflict when it has not ended, or was promoted
   * @throws RetryRefused when its champion no longer serves, its traffic is not back yet, or another change is under way
   */
  async retry(id: string, actor: Actor, reason: string): Promise<Rollout> {
    const { rollouts, champions, lock, queue, audit, unitOfWork } = this.ports;
    return unitOfWork.run('rollouts.retry', async () => {
      const failed = await rollouts.require(id);
      const attempts = await rollouts.ofCandidate(failed.spec.candidate);
      const newest = attempts.at(-1) ?? failed;
      if (newest.id !== id && !isEnded(newest.status)) return newest;
      const { phase } = newest.status;
      if (phase !== 'RolledBack' && phase !== 'Aborted') throw new PhaseConflict('rollout', newest.id, phase, 'retry');
      if (!isSettled(newest.status)) throw new RetryRefused(id, 'its traffic is still being given back');
      const current = await champions.current(failed.model);
      if (current?.champion !== failed.spec.champion)
        throw new RetryRefused(id, 'the champion that it was compared with no longer serves');
      if (!(await lock.acquire(failed.model, failed.spec.candidate)))
        throw new RetryRefused(id, `${(await lock.holder(failed.model)) ?? 'another change'} is under way`);
      const saved = await rollouts.save(await this.again(newest));
      await queue.enqueue(ROLLOUT_KIND, saved.id);
      await audit.append({
        ...{ actor: actor.name, role: actor.role, action: 'rollouts.retry', subject: `rollout/${saved.id}`, reason },
        detail: { of: newest.id },
      });
      return saved;
    });
  }

  private async again({ model, spec }: Rollout): Promise<Rollout> {
    const { models, ids, clock } = this.ports;
    const attempt = (spec.attempt ?? 1) + 1;
    const now = clock.now();
    const { rollout: policy } = (await models.require(model)).spec;
    return {
      ...{ id: `${spec.candidate}-r${attempt}`, model, revision: 0, createdAt: now, updatedAt: now },
      spec: { ...spec, attempt, policy, salt: ids.next() },
      status: { phase: 'Pending' },
    };
  }
}
