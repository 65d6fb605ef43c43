import type { Digest } from '../../kernel/index.js';

/** An answer whose label has arrived. `sequence` rises in the order of the labels' arrival and never repeats. */
export interface LabelledAnswer {
  readonly sequence: number;
  readonly requestId: string;
  readonly version: Digest;
  readonly at: Date;
  readonly prediction: number;
  /** null when the answer said nothing about it. */
  readonly confidence: number | null;
  readonly label: number;
}

/** Champion and candidate on the same request. */
export interface PairedAnswer {
  readonly requestId: string;
  readonly at: Date;
  readonly champion: number;
  readonly candidate: number;
  readonly label: number | null;
  /** Of the label, as in `LabelledAnswer`; null without one. */
  readonly sequence: number | null;
}

/** One kept raw input with what was answered. */
export interface Sample {
  /** Rises with insertion; never repeats. */
  readonly sequence: number;
  readonly requestId: string;
  readonly version: Digest;
  readonly at: Date;
  readonly input: Float32Array;
  readonly prediction: number;
  readonly confidence: number | null;
  readonly label: number | null;
  /** Requests that this one stands for: one divided by the chance that it had to be kept. */
  readonly weight: number;
}

/**
 * A frozen sample in two Arrow files, split by a stable hash of the request id so that no row is ever in both.
 * Columns: `request_id` utf8, `at` timestamp[ms, UTC], `version` utf8, `input` fixed_size_list<float32>,
 * `prediction` float64, `confidence` float64?, `label` float64? (null = unlabelled), `stratum` utf8, `weight` float64 (one
 * divided by the chance to be kept). The holdout file holds only rows that were chosen without regard to strata, so shares
 * counted on it are unbiased as they are; the train file also holds the stratified reservoirs.
 */
export interface Snapshot {
  readonly train: SnapshotFile;
  readonly holdout: SnapshotFile;
  /** Times of the oldest and newest row. */
  readonly from: Date;
  readonly until: Date;
}

export interface SnapshotFile {
  readonly digest: Digest;
  readonly rows: number;
  readonly labelled: number;
}
