import type { Digest } from '../../kernel/index.js';

/** Counts in fixed bins; bins are the model's profile, so histograms of one profile can be added and compared. */
export interface Histogram {
  /** Ascending inner edges; `counts.length === edges.length + 1` (first and last bin are open). */
  readonly edges: readonly number[];
  readonly counts: readonly number[];
}

/** Mergeable moments (Chan, Golub, LeVeque 1983); the variance is `m2 / count`. */
export interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly m2: number;
  readonly min: number;
  readonly max: number;
}

/** A mergeable, fixed-size summary of one version's telemetry over one interval. */
export interface Window {
  readonly model: string;
  readonly version: Digest;
  /** Inclusive start; the interval is `[start, start + seconds)` in event time. */
  readonly start: Date;
  readonly seconds: number;
  readonly requests: number;
  readonly errors: number;
  /** Serialised latency sketch in milliseconds (1 % relative error); `latencyQuantile` reads it. */
  readonly latency: Uint8Array;
  /** One histogram a summary feature. */
  readonly features: Readonly<Record<string, Histogram>>;
  /** Count by predicted class. */
  readonly predictions: Readonly<Record<string, number>>;
  /** Confidence in 20 bins over 0..1. */
  readonly confidence: readonly number[];
  /** Count, mean and sum of squared deviations of each summary feature; `moments` of a regression's prediction are `$prediction`. */
  readonly moments: Readonly<Record<string, Moments>>;
  /** Answers whose label has arrived, and those that were right. */
  readonly labelled: number;
  readonly correct: number;
  /** Answers that a shadow (the other arm, or the reference) answered as well, and those where both said the same. */
  readonly compared: number;
  readonly agreed: number;
  /** Requests that the data plane says it answered; null when nobody says. Coverage is `requests / served`. */
  readonly served: number | null;
  /** Time of the newest event in it. */
  readonly newestAt: Date;
}
