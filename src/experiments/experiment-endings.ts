import type { FactBus, UnitOfWork } from '../kernel/index.js';
import type { ChangeLock } from '../models/index.js';
import type { TriggerOutcomes } from '../triggers/index.js';
import { achievementOf, type CandidateStore } from '../candidates/index.js';
import { type Experiment, ExperimentConcluded, type ExperimentStatus } from './domain/experiment.js';
import type { ExperimentTraffic } from './experiment-traffic.js';
import type { ExperimentStore } from './ports.js';

type Concluded = Extract<ExperimentStatus, { phase: 'Concluded' }>;

/** Ends an experiment: status, mirror or share, fact, and on anything but PASS lock and trigger change together or not at all. */
export class ExperimentEndings {
  constructor(
    private readonly parts: {
      readonly experiments: ExperimentStore;
      readonly candidates: CandidateStore;
      readonly traffic: ExperimentTraffic;
      readonly lock: ChangeLock;
      readonly outcomes: TriggerOutcomes;
      readonly facts: FactBus;
      readonly unitOfWork: UnitOfWork;
    },
  ) {}

  async conclude(experiment: Experiment, status: Concluded): Promise<Experiment> {
    const { experiments, candidates, traffic, lock, outcomes, facts, unitOfWork } = this.parts;
    const { id, model, spec } = experiment;
    const { verdict, reason } = status;
    return unitOfWork.run('experiments.conclude', async () => {
      const saved = await experiments.save({ ...experiment, status });
      await traffic.end(experiment);
      await facts.publish(ExperimentConcluded, { experiment: id, candidate: spec.candidate, model, verdict, reason });
      // A PASS keeps the lock: the rollout goes on under it.
      if (verdict === 'PASS') return saved;
      await lock.release(model, spec.candidate);
      const candidate = await candidates.require(spec.candidate);
      const { trigger } = candidate.spec;
      const achieved = achievementOf(candidate, 'experiments');
      if (trigger !== null) await outcomes.resolve(trigger, OUTCOME[verdict], reason, achieved);
      return saved;
    });
  }
}

/** Only what was said about the candidate is its refusal; blindness and a wrong question are not charged to it. */
const OUTCOME = { FAIL: 'refused', UNDECIDED: 'refused', BLIND: 'failed', INVALID: 'cancelled' } as const;
