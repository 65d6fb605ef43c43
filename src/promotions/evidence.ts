import type { Candidate, CandidateStore } from '../candidates/index.js';
import type { ExperimentStore } from '../experiments/index.js';
import type { JobStore } from '../jobs/index.js';
import type { Rollout, RolloutStore } from '../rollouts/index.js';
import type { TriggerStore } from '../triggers/index.js';
import type { PromotionRecord } from './domain/promotion.js';

/** Gathers everything that led to a decision, as it stands. */
export class EvidenceCollector {
  constructor(
    private readonly stores: {
      readonly triggers: TriggerStore;
      readonly jobs: JobStore;
      readonly candidates: CandidateStore;
      readonly experiments: ExperimentStore;
      readonly rollouts: RolloutStore;
    },
  ) {}

  /** The candidate with its whole chain; links that do not exist are null. @throws NotFound */
  async collect(
    candidateId: string,
    rolloutId = `${candidateId}-r`,
  ): Promise<{ candidate: Candidate; evidence: PromotionRecord['evidence'] & { readonly rollout: Rollout | null } }> {
    const { triggers, jobs, candidates, experiments, rollouts } = this.stores;
    const candidate = await candidates.require(candidateId);
    const { trigger, job } = candidate.spec;
    const evidence = {
      trigger: trigger === null ? null : await triggers.find(trigger),
      job: job === null ? null : await jobs.find(job),
      candidate,
      experiment: await experiments.find(`${candidateId}-x`),
      rollout: await rollouts.find(rolloutId),
    };
    return { candidate, evidence };
  }
}
