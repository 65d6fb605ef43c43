import type { Digest } from '../../kernel/index.js';
import type { Arm } from '../../serving/index.js';

/** Names of the native event kinds, in their `schema` field. */
export const INFERENCE_SCHEMA = 'ratchet.dev/inference/v1';
export const LABEL_SCHEMA = 'ratchet.dev/label/v1';
export const SERVED_SCHEMA = 'ratchet.dev/served/v1';

/** One answered (or failed) request row, whatever way it came in. (model, requestId) is its identity. */
export interface InferenceEvent {
  readonly kind: 'inference';
  readonly requestId: string;
  readonly model: string;
  readonly version: Digest;
  readonly arm: Arm;
  readonly at: Date;
  /** null when the sender does not say; the event then counts in everything but the latency sketch. */
  readonly latencyMs: number | null;
  /** null when it was answered. */
  readonly error: string | null;
  /** Scalars by feature name. */
  readonly features: Readonly<Record<string, number>>;
  /** null exactly when `error` is not. */
  readonly prediction: number | null;
  readonly confidence: number | null;
  /** What a model of series or text answered; null for others and on error. `prediction` is then null or a summary of it. */
  readonly output: Output | null;
  readonly shadow: Shadow | null;
  /** The raw input row; null when it was not sent. */
  readonly input: Float32Array | null;
}

/** An answer that is no single number: a series, or a text. */
export type Output = readonly number[] | string;

/** What another version said to the same request. */
export interface Shadow {
  readonly version: Digest;
  readonly prediction: number | null;
  readonly output: Output | null;
}

/** The truth about an earlier request. */
export interface LabelEvent {
  readonly kind: 'label';
  readonly requestId: string;
  readonly model: string;
  readonly label: number;
}

/**
 * How many requests a data plane says it has answered with a version within `[at, at + seconds)`: what coverage is
 * measured against. Counts of several replicas, and repeated counts of one, are told apart by `source`.
 */
export interface ServedEvent {
  readonly kind: 'served';
  readonly model: string;
  readonly version: Digest;
  readonly at: Date;
  readonly seconds: number;
  readonly requests: number;
  /** Who counted, e.g. the replica's name. (source, version, at) is its identity: the largest count stays. */
  readonly source: string;
}

/** The sides of an inference that is logged as two events. */
export type HalfSide = 'request' | 'response';

/** A named tensor of a logged request or response, flattened in row-major order; its first dimension is the batch. */
export interface Tensor {
  readonly name: string;
  /** Rows: the first dimension. */
  readonly rows: number;
  /** Numbers of every datatype but BYTES; a 64-bit integer beyond 2^53 is rounded. */
  readonly values: Float32Array | Float64Array | readonly string[];
}

/**
 * One half of an inference that is logged as two events (KServe's logger, Seldon's topics): request and response meet by
 * `id`, in whatever order they come.
 */
export interface HalfEvent {
  readonly kind: 'half';
  readonly id: string;
  readonly side: HalfSide;
  /** Ratchet's model, as far as the sender's names tell. */
  readonly model: string;
  /** The version the sender names; null = what served this arm at its time. */
  readonly version: Digest | null;
  readonly arm: Arm;
  /**
   * When it happened, in milliseconds since 1970 with their fraction (whole ones would be too coarse for a latency); null
   * when the sender does not say, and then there is no latency.
   */
  readonly atMs: number | null;
  /** When it was received. */
  readonly receivedAt: Date;
  /** Request: its inputs. Response: its outputs. Empty when `error` is not null. */
  readonly tensors: readonly Tensor[];
  /** Response: why there is no answer, from a closed set (`runtime`); null otherwise. */
  readonly error: string | null;
}

export type TelemetryEvent = InferenceEvent | LabelEvent | ServedEvent | HalfEvent;

/** Why an event was refused: a closed set for metrics. */
export const BAD_CLASSES = [
  'too-large',
  'not-json',
  'schema',
  'field',
  'unknown-model',
  'contract',
  'too-old',
  'label-conflict',
  'label-unmatched',
  'half-unmatched',
  'store',
] as const;
export type BadClass = (typeof BAD_CLASSES)[number];

export interface BadReason {
  readonly class: BadClass;
  /** One clause that names the field and what is wrong with it. */
  readonly detail: string;
}

export type Decoded<Event> = { readonly ok: Event } | { readonly bad: BadReason };

/** Builds a refusal. */
export function bad(kind: BadClass, detail: string): { readonly bad: BadReason } {
  return { bad: { class: kind, detail } };
}
