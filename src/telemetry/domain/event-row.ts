import type { Digest } from '../../kernel/index.js';
import type { Arm } from '../../serving/index.js';
import type { InferenceEvent, Output } from './event.js';

/** Most features of one event. */
export const MAX_FEATURES = 64;

/** Values in the order of the model document's features; their names are not sent. */
export const MODEL_ORDER: readonly string[] = ['(the order of the model document)'];
const NO_NAMES: readonly string[] = [];
const NO_VERSION: Digest = `sha256:${'0'.repeat(64)}`;

/**
 * One inference event while it is read and counted. There is one row for all events that pass, which are overwritten one
 * after the other: at 100,000 events a second an object an event, with its dates and records, costs more than counting it.
 * Only what is kept one by one becomes an `InferenceEvent`.
 */
export class EventRow {
  requestId = '';
  model = '';
  version: Digest = NO_VERSION;
  arm: Arm = 'stable';
  /** Milliseconds since 1970. */
  at = 0;
  /** NaN when the sender does not say. */
  latencyMs = Number.NaN;
  error: string | null = null;
  /** NaN when there is none. */
  prediction = Number.NaN;
  /** NaN when there is none. */
  confidence = Number.NaN;
  output: Output | null = null;
  shadowVersion: Digest | null = null;
  /** NaN when there is none. */
  shadowPrediction = Number.NaN;
  shadowOutput: Output | null = null;
  input: Float32Array | null = null;
  /**
   * Names of `values`. The same array for the same names, so that whoever counts has to look them up only when it is
   * another array than last time.
   */
  names: readonly string[] = NO_NAMES;
  readonly values = new Float64Array(MAX_FEATURES);
  /** How many of `values` are in use. */
  count = 0;
  /** Stable hash of the model document's feature names; only with `MODEL_ORDER`. */
  featureSet = 0;

  /** Everything that an event may leave out. */
  clear(): void {
    this.arm = 'stable';
    this.latencyMs = Number.NaN;
    this.error = null;
    this.prediction = Number.NaN;
    this.confidence = Number.NaN;
    this.output = null;
    this.shadowVersion = null;
    this.shadowPrediction = Number.NaN;
    this.shadowOutput = null;
    this.input = null;
    this.names = NO_NAMES;
    this.count = 0;
  }

  /** Takes an event's fields over. */
  load(event: InferenceEvent): void {
    this.clear();
    this.requestId = event.requestId;
    this.model = event.model;
    this.version = event.version;
    this.arm = event.arm;
    this.at = event.at.getTime();
    this.latencyMs = event.latencyMs ?? Number.NaN;
    this.error = event.error;
    this.prediction = event.prediction ?? Number.NaN;
    this.confidence = event.confidence ?? Number.NaN;
    this.output = event.output;
    this.input = event.input;
    if (event.shadow !== null) {
      this.shadowVersion = event.shadow.version;
      this.shadowPrediction = event.shadow.prediction ?? Number.NaN;
      this.shadowOutput = event.shadow.output;
    }
    const names = Object.keys(event.features).slice(0, MAX_FEATURES);
    this.names = names;
    this.count = names.length;
    names.forEach((name, i) => {
      this.values[i] = event.features[name] ?? 0;
    });
  }

  /** A copy that stays. `names` are those of the values in the model's order, when their names were not sent. */
  toEvent(names: readonly string[] = this.names): InferenceEvent {
    const features: Record<string, number> = {};
    for (let i = 0; i < this.count; i += 1) features[names[i] ?? ''] = this.values[i] as number;
    return {
      kind: 'inference',
      requestId: this.requestId,
      model: this.model,
      version: this.version,
      arm: this.arm,
      at: new Date(this.at),
      latencyMs: numberOrNull(this.latencyMs),
      error: this.error,
      features,
      prediction: numberOrNull(this.prediction),
      confidence: numberOrNull(this.confidence),
      output: this.output,
      shadow:
        this.shadowVersion === null
          ? null
          : {
              version: this.shadowVersion,
              prediction: numberOrNull(this.shadowPrediction),
              output: this.shadowOutput,
            },
      input: this.input,
    };
  }
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}
