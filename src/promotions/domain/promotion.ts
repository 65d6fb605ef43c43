import { type Aggregate, type Digest, factType, type Transitions } from '../../kernel/index.js';

export interface PromotionSpec {
  readonly rollout: string;
  readonly candidate: string;
  readonly candidateVersion: Digest;
  readonly champion: Digest;
  readonly reference: Digest;
  readonly trigger: string | null;
  readonly approval: 'auto' | 'manual';
  /** Estimated loss against the reference that is charged to the quality budget, as a fraction; never below 0. */
  readonly charge: number;
  /** The promotion that this one takes back; absent = it is none of that kind. */
  readonly undoes?: string;
}

export type PromotionStatus =
  | { readonly phase: 'AwaitingApproval'; readonly since: Date }
  | {
      readonly phase: 'Promoted';
      readonly at: Date;
      readonly by: string;
      readonly reason: string;
      /** By how much it overdrew the quality budget, which somebody has overridden; absent = not at all. */
      readonly overdraft?: number;
    }
  | { readonly phase: 'Rejected'; readonly at: Date; readonly by: string; readonly reason: string };

/** The record that the champion changed. Id: `<candidate>-p`, of a retry `<candidate>-p2`, of a rollback `<promotion>-b`. */
export type Promotion = Aggregate<PromotionSpec, PromotionStatus>;

export const PROMOTION_TRANSITIONS = {
  AwaitingApproval: ['Promoted', 'Rejected'],
  Promoted: [],
  Rejected: [],
} as const satisfies Transitions<PromotionStatus['phase']>;

/** How an attempt to change the champion ended, with all its evidence; immutable. */
export interface PromotionRecord {
  /** The candidate's id; of a second attempt `<candidate>-a2`, of a rollback the id of its promotion. */
  readonly id: string;
  readonly model: string;
  readonly outcome: 'promoted' | 'refused' | 'rolled-back';
  /** The stage that decided. */
  readonly decidedBy: 'candidates' | 'experiments' | 'rollouts' | 'promotions';
  readonly reason: string;
  readonly at: Date;
  readonly candidateVersion: Digest;
  readonly champion: Digest;
  readonly reference: Digest;
  /** Trigger, job, candidate, experiment and rollout as they stood; JSON. */
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** A candidate serves as champion. */
export const Promoted = factType<{ readonly promotion: string; readonly model: string }>('promotions.promoted');
