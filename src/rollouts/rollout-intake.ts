import type { Clock, Ids, UnitOfWork, WorkQueue } from '../kernel/index.js';
import type { CandidateStore } from '../candidates/index.js';
import type { ExperimentStore } from '../experiments/index.js';
import type { ModelStore } from '../models/index.js';
import type { Rollout } from './domain/rollout.js';
import type { RolloutStore } from './ports.js';

export const ROLLOUT_KIND = 'rollout';

/** Creates the rollout that follows from an experiment which proved its candidate no worse. */
export class RolloutIntake {
  constructor(
    private readonly ports: {
      readonly rollouts: RolloutStore;
      readonly experiments: ExperimentStore;
      readonly candidates: CandidateStore;
      readonly models: ModelStore;
      readonly queue: WorkQueue;
      readonly unitOfWork: UnitOfWork;
      readonly ids: Ids;
      readonly clock: Clock;
    },
  ) {}

  /** Idempotent. The policy is taken as it stands now, so that a document changed meanwhile does not change the steps. */
  async fromExperiment(experimentId: string): Promise<Rollout> {
    const { rollouts, experiments, candidates, models, queue, unitOfWork, ids, clock } = this.ports;
    const { spec, model } = await experiments.require(experimentId);
    const candidate = await candidates.require(spec.candidate);
    const { spec: modelSpec } = await models.require(model);
    const now = clock.now();
    const rollout: Rollout = {
      id: `${candidate.id}-r`,
      model,
      spec: {
        experiment: experimentId,
        candidate: candidate.id,
        candidateVersion: spec.candidateVersion,
        champion: spec.champion,
        policy: modelSpec.rollout,
        salt: ids.next(),
      },
      status: { phase: 'Pending' },
      revision: 0,
      createdAt: now,
      updatedAt: now,
    };
    return unitOfWork.run('rollouts.from-experiment', async () => {
      const saved = await rollouts.save(rollout);
      await queue.enqueue(ROLLOUT_KIND, saved.id);
      return saved;
    });
  }
}
