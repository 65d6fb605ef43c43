import { type Aggregate, type Digest, factType, type Transitions, type Verdict } from '../../kernel/index.js';
import type { BettingReading } from './betting.js';
import type { MetricPlan, MetricReading } from './metric.js';
import type { PowerPlan } from './power.js';

/**
 * `shadow`: the candidate answers nobody; both versions score the same requests. `live`: the candidate answers a share
 * of the requests, and the arms are compared.
 */
export type ExperimentMode = 'shadow' | 'live';

/** Where the pairs of a shadow experiment come from: copies that the built-in gateway mirrors, or sampled requests that are scored again. */
export type PairSource = 'mirror' | 'rescore';

export interface ExperimentSpec {
  readonly candidate: string;
  readonly candidateVersion: Digest;
  readonly champion: Digest;
  readonly reference: Digest;
  readonly mode: ExperimentMode;
  /** Largest loss that counts as no worse, after what the quality ledger still allows. */
  readonly margin: number;
  /** Budget of all metrics together. */
  readonly alpha: number;
  /** What is asked; the levels sum to `alpha`. Never empty. */
  readonly metrics: readonly MetricPlan[];
  /** Shadow: share of requests that are mirrored. */
  readonly mirrorFraction: number;
  /** Live: share of request keys that the candidate answers, in percent. */
  readonly weight: number;
  /** Live: makes the assignment of request keys independent of other experiments, and the same for as long as this one is kept. */
  readonly salt: string;
  readonly maxSamples: number;
  readonly maxSeconds: number;
  /**
   * What counts as right. `labels`: only labelled requests (the reference itself is in doubt). `labels-or-reference`:
   * agreement with the reference where there is no label.
   */
  readonly truth: 'labels' | 'labels-or-reference';
  /** What was reckoned before the first request; null = planned by a version that did not reckon. */
  readonly plan: PowerPlan | null;
  /** Why the plan is refused before it begins, with what would be enough; null = it may begin. */
  readonly objection: string | null;
}

/** Where the tests stand. */
export interface ExperimentReading extends BettingReading {
  /** Pairs (shadow) or the smaller arm's judged requests (live), and the quality metric's bets beside. */
  readonly pairs: number;
  readonly newestAt: Date | null;
  /** One for each metric of the plan, in its order. */
  readonly metrics: readonly MetricReading[];
  /** Live: request keys seen in each arm, once each; null in shadow. */
  readonly exposure: ExposureReading | null;
}

export interface ExposureReading {
  readonly champion: number;
  readonly candidate: number;
  /** e-value that keys were not assigned as planned; an alarm at 1,000. */
  readonly mismatch: number;
}

export type ExperimentStatus =
  | { readonly phase: 'Waiting'; readonly reason: string }
  | {
      readonly phase: 'Running';
      readonly startedAt: Date;
      readonly reading: ExperimentReading;
      /** What it lacks (no traffic, too little traffic) and needs; null when it comes along as planned. Absent = null. */
      readonly reason?: string | null;
      /** Shadow: where its pairs come from. Absent = mirror. */
      readonly source?: PairSource;
    }
  | {
      readonly phase: 'Concluded';
      readonly startedAt: Date;
      readonly finishedAt: Date;
      readonly verdict: Verdict;
      readonly reason: string;
      readonly reading: ExperimentReading;
    };

/** Candidate against champion on live requests. Id: `<candidate>-x`. */
export type Experiment = Aggregate<ExperimentSpec, ExperimentStatus>;

export const EXPERIMENT_TRANSITIONS = {
  Waiting: ['Running', 'Concluded'],
  Running: ['Concluded'],
  Concluded: [],
} as const satisfies Transitions<ExperimentStatus['phase']>;

export const ExperimentConcluded = factType<{
  readonly experiment: string;
  readonly candidate: string;
  readonly model: string;
  readonly verdict: Verdict;
  readonly reason: string;
}>('experiments.concluded');
