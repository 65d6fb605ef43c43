import type { Aggregate, Digest, Transitions } from '../../kernel/index.js';

/** A tensor that the model takes or gives. The first dimension is the batch and is -1. */
export interface TensorContract {
  readonly name: string;
  readonly datatype: 'FP32';
  /** e.g. `[-1, 1, 28, 28]`. */
  readonly shape: readonly number[];
}

export type Task = { readonly kind: 'classification'; readonly classes: number } | { readonly kind: 'regression' };

/** What the served model must fulfil; every loss and ratio is a fraction (0.01 = one point) against the reference. */
export interface Objectives {
  readonly qualityBudget: { readonly metric: 'accuracy'; readonly maxLoss: number };
  /** Least share of answers that equal the reference's on held-out samples. */
  readonly minAgreement: number;
  /** Largest size as a share of the reference's bytes. */
  readonly maxSizeRatio: number;
  /** Least speed as a multiple of the reference's, one thread, batch 1. */
  readonly minSpeedup: number;
  /** Ceiling of the served p95 latency. */
  readonly latencyP95Ms: number;
  readonly maxErrorRatio: number;
}

/** Scalars that stand for an input tensor that is too large to log. */
export const SUMMARY_FEATURES = ['mean', 'std', 'min', 'max', 'zeroFraction', 'gradientEnergy'] as const;
export type SummaryFeature = (typeof SUMMARY_FEATURES)[number];

export interface TelemetrySettings {
  readonly windowSeconds: number;
  /** Events older than this when they arrive are counted as late. */
  readonly maxLatenessSeconds: number;
  readonly features: readonly SummaryFeature[];
  /** Bound of the raw-input sample. */
  readonly sampleRows: number;
  /** Samples older than this are dropped. */
  readonly sampleSeconds: number;
  /** How long an answer waits for its label. */
  readonly labelWaitSeconds: number;
}

export interface MonitorPolicy {
  /** The operator's contract: on average at most one false alarm a monitor in so many scored answers. */
  readonly falseAlarmEvery: number;
  /** Rise of the error rate over the promoted version's evaluated one that nobody minds. */
  readonly accuracyTolerance: number;
  /** The same for disagreement with the reference. */
  readonly agreementTolerance: number;
  /** Below so many observations a monitor is undecided. */
  readonly minimumSamples: number;
  /** Largest number of sampled answers re-scored by the reference in one pass. */
  readonly rescoreBatch: number;
}

export interface TriggerPolicy {
  readonly coolDownSeconds: number;
  readonly minimumSamples: number;
  /** Labelled samples that incremental training needs at least. */
  readonly minimumLabelled: number;
  /** Runner time that triggers may spend in 24 hours. */
  readonly runnerSecondsPerDay: number;
  /** Decide and record, but open nothing. */
  readonly dryRun: boolean;
}

export interface JobPolicy {
  readonly wallSeconds: number;
  readonly maxRssBytes: number;
  readonly threads: number;
  readonly maxAttempts: number;
}

export interface ExperimentPolicy {
  /** Largest loss against the champion that counts as no worse. */
  readonly margin: number;
  /** Bound of the probability to promote a candidate that is worse than the margin. */
  readonly alpha: number;
  readonly mirrorFraction: number;
  readonly maxSamples: number;
  readonly maxSeconds: number;
}

/** A typed condition on a step, read from telemetry newer than the step. */
export type Gate =
  | { readonly kind: 'error-ratio'; readonly max: number; readonly minimumSamples: number }
  | { readonly kind: 'latency-p95'; readonly maxMs: number; readonly minimumSamples: number }
  | { readonly kind: 'accuracy'; readonly maxLoss: number; readonly minimumSamples: number };

export interface RolloutPolicy {
  /** Weights in percent, strictly rising; 100 is the promotion itself and not a step. */
  readonly steps: readonly { readonly weight: number; readonly holdSeconds: number; readonly gates: readonly Gate[] }[];
  /** How long a step may be blind before traffic goes back. */
  readonly blindSeconds: number;
  /** How long a step may stay undecided before traffic goes back. */
  readonly undecidedSeconds: number;
  /** A weight that is not confirmed again within this time is void: the gateway gives traffic back to the champion. */
  readonly confirmSeconds: number;
}

export interface ModelSpec {
  readonly task: Task;
  readonly input: TensorContract;
  readonly output: TensorContract;
  /** The full-precision version that quality is measured against. `evaluation` is what its makers measured, if anything. */
  readonly reference: {
    readonly digest: Digest;
    readonly evaluation?: { readonly accuracy: number; readonly samples: number };
  };
  readonly objectives: Objectives;
  readonly telemetry: TelemetrySettings;
  readonly monitors: MonitorPolicy;
  readonly triggers: TriggerPolicy;
  readonly jobs: JobPolicy;
  readonly experiment: ExperimentPolicy;
  readonly rollout: RolloutPolicy;
  readonly promotion: { readonly approval: 'auto' | 'manual' };
}

export type ModelStatus =
  /** Known; its reference artifact serves until a champion is promoted. */
  { readonly phase: 'Registered'; readonly generation: number };

/** A named thing that is served; its id is its name. */
export type Model = Aggregate<ModelSpec, ModelStatus>;

export const MODEL_TRANSITIONS = { Registered: [] } as const satisfies Transitions<ModelStatus['phase']>;
