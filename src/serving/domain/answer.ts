import type { Digest } from '../../kernel/index.js';
import type { Arm } from './route.js';

/** One row of a request and the answer to it, as the gateway saw them; the source of all telemetry. */
export interface Answer {
  readonly requestId: string;
  readonly model: string;
  readonly version: Digest;
  readonly arm: Arm;
  readonly at: Date;
  readonly latencyMs: number;
  /** null when it was answered; otherwise a short reason from a closed set (`runtime`, `timeout`, `overloaded`). */
  readonly error: string | null;
  /** The raw input row, flattened in row-major order; empty when it may not be kept. */
  readonly input: Float32Array;
  /** false: whoever sent the request does not want its input to be kept. */
  readonly keepInput?: boolean;
  /** By feature name. */
  readonly features: Readonly<Record<string, number>>;
  /** Class index (classification) or value (regression); null on error. */
  readonly prediction: number | null;
  /** Largest softmax probability, 0..1; null for regression or on error. */
  readonly confidence: number | null;
  /** What the mirrored version said to the same row; null when it was not mirrored. */
  readonly shadow: ShadowAnswer | null;
}

export interface ShadowAnswer {
  readonly version: Digest;
  readonly latencyMs: number;
  readonly prediction: number | null;
  readonly confidence: number | null;
  readonly error: string | null;
}
