import type { Clock, UnitOfWork, WorkQueue } from '../kernel/index.js';
import type { Candidate, CandidateStore } from '../candidates/index.js';
import type { ChampionHistory, ModelStore } from '../models/index.js';
import type { Experiment } from './domain/experiment.js';
import type { ExperimentStore, QualityAllowance } from './ports.js';

export const EXPERIMENT_KIND = 'experiment';

/** Creates the experiment that follows from an accepted candidate. */
export class ExperimentIntake {
  constructor(
    private readonly ports: {
      readonly experiments: ExperimentStore;
      readonly candidates: CandidateStore;
      readonly models: ModelStore;
      readonly champions: ChampionHistory;
      readonly allowance: () => QualityAllowance;
      readonly queue: WorkQueue;
      readonly unitOfWork: UnitOfWork;
      readonly clock: Clock;
    },
  ) {}

  /** Idempotent. The margin is what policy allows and the quality budget still has. */
  async fromCandidate(candidateId: string): Promise<Experiment> {
    const { experiments, candidates, models, champions, allowance, queue, unitOfWork, clock } = this.ports;
    const candidate = await candidates.require(candidateId);
    const { experiment: policy } = (await models.require(candidate.model)).spec;
    const champion = await champions.current(candidate.model);
    const remaining = await allowance().remaining(candidate.model, candidate.spec.reference);
    const now = clock.now();
    const experiment: Experiment = {
      id: `${candidate.id}-x`,
      model: candidate.model,
      spec: {
        candidate: candidate.id,
        candidateVersion: candidate.spec.digest,
        champion: candidate.spec.champion,
        reference: candidate.spec.reference,
        margin: Math.min(policy.margin, remaining),
        alpha: policy.alpha,
        mirrorFraction: policy.mirrorFraction,
        maxSamples: policy.maxSamples,
        maxSeconds: policy.maxSeconds,
        truth: truthFor(candidate, champion?.reference ?? null),
      },
      status: { phase: 'Waiting', reason: 'for its turn to change what serves the model' },
      revision: 0,
      createdAt: now,
      updatedAt: now,
    };
    return unitOfWork.run(async () => {
      const saved = await experiments.save(experiment);
      await queue.enqueue(EXPERIMENT_KIND, saved.id);
      return saved;
    });
  }
}

/** Where the reference itself is in doubt, or the two sides have different ones, only labels can say who is right. */
function truthFor({ spec }: Candidate, championsReference: string | null): Experiment['spec']['truth'] {
  const inDoubt = spec.cause === 'world-changed' || spec.cause === 'manual' || spec.reference !== championsReference;
  return inDoubt ? 'labels' : 'labels-or-reference';
}
