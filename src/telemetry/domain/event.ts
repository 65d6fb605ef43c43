import type { Digest } from '../../kernel/index.js';
import type { Arm } from '../../serving/index.js';

/** Names of the two native event kinds, in their `schema` field. */
export const INFERENCE_SCHEMA = 'ratchet.dev/inference/v1';
export const LABEL_SCHEMA = 'ratchet.dev/label/v1';

/** One answered (or failed) request row, whatever way it came in. (model, requestId) is its identity. */
export interface InferenceEvent {
  readonly kind: 'inference';
  readonly requestId: string;
  readonly model: string;
  readonly version: Digest;
  readonly arm: Arm;
  readonly at: Date;
  readonly latencyMs: number;
  /** null when it was answered. */
  readonly error: string | null;
  /** Scalars by feature name. */
  readonly features: Readonly<Record<string, number>>;
  /** null exactly when `error` is not. */
  readonly prediction: number | null;
  readonly confidence: number | null;
  readonly shadow: { readonly version: Digest; readonly prediction: number | null } | null;
  /** The raw input row; null when it was not sent. */
  readonly input: Float32Array | null;
}

/** The truth about an earlier request. */
export interface LabelEvent {
  readonly kind: 'label';
  readonly requestId: string;
  readonly model: string;
  readonly label: number;
}

export type TelemetryEvent = InferenceEvent | LabelEvent;

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
