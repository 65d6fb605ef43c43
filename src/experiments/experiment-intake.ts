import type { CandidateStore } from '../candidates/index.js';
import type { Clock, UnitOfWork, WorkQueue } from '../kernel/index.js';
import type { ChampionHistory, ModelStore } from '../models/index.js';
import { planExperiment } from './domain/plan-experiment.js';
import type { ExperimentTraffic } from './experiment-traffic.js';
import type { ExperimentStore, QualityAllowance } from './ports.js';

export const EXPERIMENT_KIND = 'experiment';

/** Plans the experiment that follows from an accepted candidate. */
export class ExperimentIntake {
  constructor(
    private readonly parts: {
      readonly experiments: ExperimentStore;
      readonly candidates: CandidateStore;
      readonly models: ModelStore;
      readonly champions: ChampionHistory;
      readonly allowance: QualityAllowance;
      readonly traffic: ExperimentTraffic;
      readonly queue: WorkQueue;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
  ) {}

  /** Idempotent: the first plan stands. */
  async open(candidateId: string): Promise<void> {
    const { experiments, candidates, models, champions, allowance, traffic, queue, unitOfWork, clock } = this.parts;
    const candidate = await candidates.require(candidateId);
    if (candidate.status.phase !== 'Accepted') return;
    const { spec } = await models.require(candidate.model);
    const champion = await champions.current(candidate.model);
    const plan = planExperiment({
      candidate,
      evaluation: candidate.status.evaluation,
      policy: spec.experiment,
      ...(spec.rollout.target === undefined ? {} : { target: spec.rollout.target }),
      maxErrorRatio: spec.objectives.maxErrorRatio,
      championReference: champion?.reference ?? null,
      allowance: await allowance.remaining(candidate.model, candidate.spec.reference),
      traffic: await traffic.seen(candidate.model, candidate.spec.champion),
      now: clock.now(),
    });
    await unitOfWork.run('experiments.open', async () => {
      await experiments.save(plan);
      await queue.enqueue(EXPERIMENT_KIND, plan.id);
    });
  }
}
