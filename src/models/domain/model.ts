import type { Aggregate, Digest, Transitions } from '../../kernel/index.js';

/** A tensor that the model takes or gives. The first dimension is the batch and is -1. */
export interface TensorContract {
  readonly name: string;
  readonly datatype: 'FP32';
  /** e.g. `[-1, 1, 28, 28]`. */
  readonly shape: readonly number[];
}

/**
 * What the model answers: a class; a number; a series of `steps` numbers; a text. Only classification can be compressed
 * and promoted yet; the others are monitored.
 */
export type Task =
  | { readonly kind: 'classification'; readonly classes: number }
  | { readonly kind: 'regression' }
  | { readonly kind: 'series'; readonly steps: number }
  | { readonly kind: 'text' };

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
  /** Ceiling of what a thousand requests may cost, in the currency of `monitors.cost`; null = none. */
  readonly maxCostPerThousand: number | null;
}

/** Scalars that stand for an input tensor that is too large to log; the gateway computes them. */
export const SUMMARY_FEATURES = ['mean', 'std', 'min', 'max', 'zeroFraction', 'gradientEnergy'] as const;
export type SummaryFeature = (typeof SUMMARY_FEATURES)[number];

/**
 * A random projection of the input row, which shows shifts that no single column does: feature `projection.<i>` is the
 * i-th of `dimensions` sums of the row's numbers with random signs, divided by the square root of their count.
 */
export interface Projection {
  readonly dimensions: number;
  readonly seed: number;
}

export interface TelemetrySettings {
  readonly windowSeconds: number;
  /** Events older than this when they arrive are counted as late. */
  readonly maxLatenessSeconds: number;
  /**
   * Features that windows keep a histogram of: a summary feature, a name of `columns`, `projection.<i>`, or any name that
   * the senders of events compute themselves (an embedding's coordinates, say).
   */
  readonly features: readonly string[];
  /** Names of the input row's numbers, in order, for models whose inputs are columns; they may be used as features. */
  readonly columns: readonly string[];
  readonly projection: Projection | null;
  /** Whether raw inputs may be kept at all; without them there is no re-scoring and no fresh training data. */
  readonly sampling: boolean;
  /** Names of features and columns that are never stored: they are removed, or set to zero in a kept input, before anything is written. */
  readonly redact: readonly string[];
  /** Bound of the raw-input sample. */
  readonly sampleRows: number;
  /** The same in bytes. */
  readonly sampleBytes: number;
  /** Samples older than this are dropped. */
  readonly sampleSeconds: number;
  /** How long an answer waits for its label. */
  readonly labelWaitSeconds: number;
  /**
   * Answers a second that are kept one by one (for labels, pairs and duplicates); above it a share of all requests, chosen by
   * a stable hash of the request id. Windows count every event.
   */
  readonly answersPerSecond: number;
}

/** Two windows over which an objective's error budget must burn too fast, and how fast: the rate 1 uses it up exactly. */
export interface BurnRate {
  readonly longSeconds: number;
  readonly shortSeconds: number;
  readonly factor: number;
}

export interface MonitorPolicy {
  /**
   * The operator's contract: on average at most one false alarm a monitor in so many scored answers. It follows from
   * `contract` when that is given.
   */
  readonly falseAlarmEvery: number;
  /** "At most `most` false alarms in `days` days at `answersPerDay` scored answers a day", expected over all monitors together. */
  readonly contract: { readonly most: number; readonly days: number; readonly answersPerDay: number } | null;
  /** Rise of the error rate over the promoted version's evaluated one that nobody minds. */
  readonly accuracyTolerance: number;
  /** The same for disagreement with the reference. */
  readonly agreementTolerance: number;
  /** The same for a mean error or distance, as a share of the evaluated one (regression, series, text). */
  readonly errorTolerance: number;
  /** Below so many observations a monitor is undecided. */
  readonly minimumSamples: number;
  /** Largest number of sampled answers re-scored by the reference in one pass. */
  readonly rescoreBatch: number;
  /** Least share of served requests that telemetry must have seen; below it findings are undecided. */
  readonly minimumCoverage: number;
  /** Multi-window burn rates of latency and errors; empty = none. */
  readonly burnRates: readonly BurnRate[];
  /** What serving costs; null = unknown. */
  readonly cost: { readonly perHour: number; readonly currency: string } | null;
}

/** A time of the day in which nothing is opened; `until` before `from` passes midnight. */
export interface QuietHours {
  /** `HH:MM` */
  readonly from: string;
  readonly until: string;
  /** Days on which it begins, 0 = Sunday. */
  readonly days: readonly number[];
  /** IANA name, e.g. `Europe/Berlin`. */
  readonly timeZone: string;
}

export interface TriggerPolicy {
  readonly coolDownSeconds: number;
  readonly minimumSamples: number;
  /** Labelled samples that incremental training needs at least. */
  readonly minimumLabelled: number;
  /** Runner time that triggers may spend in 24 hours. */
  readonly runnerSecondsPerDay: number;
  /** GPU time (seconds times GPUs) that triggers may spend in 24 hours. */
  readonly gpuSecondsPerDay: number;
  readonly quietHours: readonly QuietHours[];
  /** Whether the order of remedies may follow what past ones achieved; otherwise the ladder stands as it is written. */
  readonly learnFromOutcomes: boolean;
  /** Recipes for a cause in the operator's own order, in the place of the built-in ladder. */
  readonly ladders: Readonly<Record<string, readonly string[]>>;
  /** Decide and record, but open nothing. */
  readonly dryRun: boolean;
}

export interface JobPolicy {
  readonly wallSeconds: number;
  readonly maxRssBytes: number;
  readonly threads: number;
  readonly maxAttempts: number;
  /** GPUs of each attempt; on Kubernetes the limit `nvidia.com/gpu`; absent = 0. */
  readonly gpus?: number;
  /** Where attempts may run on Kubernetes; a local runner takes no notice. Absent = anywhere. */
  readonly placement?: JobPlacement;
}

/** Names are Kubernetes'. */
export interface JobPlacement {
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly {
    readonly key: string;
    readonly operator: 'Exists' | 'Equal';
    readonly value?: string;
    readonly effect?: 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';
  }[];
  readonly priorityClass: string | null;
  /** Kueue's LocalQueue; null = the installation's, if it has one. */
  readonly queue: string | null;
}

export interface ExperimentPolicy {
  /** Largest loss against the champion that counts as no worse. */
  readonly margin: number;
  /** Bound of the probability to promote a candidate that is worse than the margin; shared by all metrics. */
  readonly alpha: number;
  /** Shadow mode: share of requests that the candidate scores as well. */
  readonly mirrorFraction: number;
  /** Pairs (shadow), or requests of each arm (live), after which it ends undecided. */
  readonly maxSamples: number;
  readonly maxSeconds: number;
  /** `shadow`: the candidate answers nobody. `live`: it answers `liveWeight` percent of the request keys. Absent = shadow. */
  readonly mode?: 'shadow' | 'live';
  /** In percent, above 0; absent = 50, which decides soonest. */
  readonly liveWeight?: number;
  /** Live mode: what is proven beside quality; absent = the defaults of each, null = not asked. */
  readonly errors?: ErrorGuardrail | null;
  readonly latency?: LatencyGuardrail | null;
  /** The quality metric's part of alpha, beside the guardrails' weights; absent = 2. */
  readonly qualityWeight?: number;
}

/** "The candidate's error ratio is below `maxRatio` times the champion's plus `maxAdded`." */
export interface ErrorGuardrail {
  readonly maxRatio: number;
  readonly maxAdded: number;
  /** Its part of alpha. */
  readonly weight: number;
}

/** "The candidate's latency quantile is below `maxRatio` times the champion's plus `maxAddedMs`." */
export interface LatencyGuardrail {
  readonly quantile: 0.95 | 0.99;
  readonly maxRatio: number;
  readonly maxAddedMs: number;
  readonly weight: number;
}

/** What a gate asks. `promql` must give one number and is answered by Prometheus only; at least one bound is set. */
export type GateQuestion =
  | { readonly kind: 'error-ratio'; readonly max: number }
  | { readonly kind: 'latency-p95'; readonly maxMs: number }
  | { readonly kind: 'latency-p99'; readonly maxMs: number }
  | { readonly kind: 'accuracy'; readonly maxLoss: number }
  | { readonly kind: 'agreement'; readonly min: number }
  | { readonly kind: 'promql'; readonly query: string; readonly min: number | null; readonly max: number | null };

/** A condition on a step, read from telemetry newer than the step. */
export type Gate = GateQuestion & {
  readonly minimumSamples: number;
  /** Unique among the gates of a step; absent = the kind. */
  readonly name?: string;
  /** FAIL of a guardrail rolls back, FAIL of a signal pauses until it passes or somebody decides; absent = guardrail. */
  readonly role?: 'guardrail' | 'signal';
  /** Read, shown and recorded, but without any effect; absent = false. */
  readonly dryRun?: boolean;
};

export interface RolloutStep {
  readonly weight: number;
  readonly holdSeconds: number;
  readonly gates: readonly Gate[];
  /** The step is entered only after somebody approved it; absent = false. */
  readonly approval?: boolean;
}

/** One of the two backends of a route: a Kubernetes Service. */
export interface Backend {
  readonly name: string;
  /** null = the only one that the route names for it. */
  readonly port: number | null;
}

/**
 * What stands behind the two backends: our own gateways, pinned to an arm, which take versions over by themselves; or other
 * servers, whose owner puts the versions there. Absent = gateways.
 */
export type ServedBy = 'gateways' | 'others';

/** Whose traffic a rollout moves. Names are Kubernetes'. */
export type TrafficTarget =
  | { readonly kind: 'builtin' }
  | {
      readonly kind: 'http-route';
      readonly namespace: string;
      readonly name: string;
      /** The rule's `name` or its index; null = every rule that has both backends. */
      readonly rule: string | number | null;
      readonly stable: Backend;
      readonly candidate: Backend;
      readonly servedBy?: ServedBy;
    }
  | { readonly kind: 'kserve'; readonly namespace: string; readonly name: string }
  | {
      readonly kind: 'istio';
      readonly namespace: string;
      readonly name: string;
      /** The HTTP route's `name`; null = the only one. */
      readonly route: string | null;
      readonly stable: { readonly host: string; readonly subset: string | null };
      readonly candidate: { readonly host: string; readonly subset: string | null };
      readonly servedBy?: ServedBy;
    }
  /** A signed POST to the installation's data source of that name. */
  | { readonly kind: 'webhook'; readonly endpoint: string };

export interface RolloutPolicy {
  /** Absent = the built-in gateway. */
  readonly target?: TrafficTarget;
  /** Read on every pass of every step, beside the step's own gates; absent = none. */
  readonly background?: readonly Gate[];
  /** What follows when `blindSeconds` are over; absent = roll-back. `step-back`: to the last weight that was proven. */
  readonly onBlind?: 'roll-back' | 'step-back' | 'hold';
  /** Weights in percent, strictly rising; 100 is the promotion itself and not a step. */
  readonly steps: readonly RolloutStep[];
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
