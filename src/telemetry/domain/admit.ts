import type { Model, ModelSpec } from '../../models/index.js';
import { redactEvent, redactionOf, type Redaction } from './redact.js';
import { type Decoded, type InferenceEvent, type ServedEvent, bad } from './event.js';

/** What the engine needs to know of a model. */
export interface ModelView {
  readonly name: string;
  /** The document itself, for what is read from raw tensors. */
  readonly spec: ModelSpec;
  /** Number of classes; null for regression. */
  readonly classes: number | null;
  /** Numbers in one input row. */
  readonly inputLength: number;
  readonly features: readonly string[];
  readonly windowSeconds: number;
  readonly maxLatenessSeconds: number;
  readonly labelWaitSeconds: number;
  /** How long answers are kept; older events cannot be told from duplicates any more. */
  readonly keepSeconds: number;
  /** Whether raw inputs may be kept at all. */
  readonly sampling: boolean;
  readonly redaction: Redaction;
  readonly sampleRows: number;
  readonly sampleBytes: number;
  readonly sampleSeconds: number;
}

/** An event that belongs to a known model, with the window it falls into. */
export interface AdmittedEvent {
  readonly event: InferenceEvent;
  readonly windowStart: Date;
  readonly windowSeconds: number;
  /** Older than the model's allowed lateness when it arrived. */
  readonly late: boolean;
  /** Its time was after ours and was set to ours. */
  readonly future: boolean;
}

/** The view of a model document. An experiment may look at answers for `experiment.maxSeconds`, so they are kept as long. */
export function viewOf(model: Model): ModelView {
  const { task, input, telemetry, experiment } = model.spec;
  return {
    name: model.id,
    spec: model.spec,
    classes: task.kind === 'classification' ? task.classes : null,
    inputLength: input.shape.slice(1).reduce((product, size) => product * size, 1),
    features: telemetry.features.filter((name) => !telemetry.redact.includes(name)),
    windowSeconds: telemetry.windowSeconds,
    maxLatenessSeconds: telemetry.maxLatenessSeconds,
    labelWaitSeconds: telemetry.labelWaitSeconds,
    keepSeconds: telemetry.labelWaitSeconds + experiment.maxSeconds,
    sampling: telemetry.sampling,
    redaction: redactionOf(telemetry),
    sampleRows: telemetry.sampleRows,
    sampleBytes: telemetry.sampleBytes,
    sampleSeconds: telemetry.sampleSeconds,
  };
}

/** Checks an event against its model's contract, takes out what must not be stored, and finds its window. Total; never throws. */
export function admit(given: InferenceEvent, view: ModelView | null, now: Date): Decoded<AdmittedEvent> {
  if (view === null) return bad('unknown-model', 'there is no such model');
  const { prediction, input } = given;
  if (prediction !== null && view.classes !== null && !isClass(prediction, view.classes)) {
    return bad('contract', `prediction ${prediction} is not one of ${view.classes} classes`);
  }
  if (input !== null && input.length !== view.inputLength) {
    return bad('contract', `input has ${input.length} numbers; the model takes ${view.inputLength}`);
  }
  const event = redactEvent(given, view.redaction);
  const age = now.getTime() - event.at.getTime();
  if (age > view.keepSeconds * 1000) return bad('too-old', `at is more than ${view.keepSeconds} s ago`);
  const at = age < 0 ? now : event.at;
  return {
    ok: {
      event: age < 0 ? { ...event, at } : event,
      windowStart: windowStart(at, view.windowSeconds),
      windowSeconds: view.windowSeconds,
      late: age > view.maxLatenessSeconds * 1000,
      future: age < 0,
    },
  };
}

/** Checks what a data plane says it served. A count that is too old could not be told from a repetition any more. Total. */
export function admitServed(event: ServedEvent, view: ModelView | null, now: Date): Decoded<ServedEvent> {
  if (view === null) return bad('unknown-model', 'there is no such model');
  const age = (now.getTime() - event.at.getTime()) / 1000;
  if (age > view.keepSeconds) return bad('too-old', `at is more than ${view.keepSeconds} s ago`);
  if (age < -MOST_AHEAD_SECONDS) return bad('contract', 'at is in the future');
  if (!(event.seconds > 0 && event.seconds <= MOST_SERVED_SECONDS)) {
    return bad('contract', `seconds must be more than 0 and at most ${MOST_SERVED_SECONDS}`);
  }
  return { ok: event };
}

/** Clocks of replicas differ. */
const MOST_AHEAD_SECONDS = 300;
/** Longest interval that one count may stand for. */
const MOST_SERVED_SECONDS = 86_400;

/** Inclusive start of the window of `seconds` that contains `at`; windows are aligned to 1970. */
export function windowStart(at: Date, seconds: number): Date {
  return new Date(windowStartMs(at.getTime(), seconds));
}

/** The same in milliseconds since 1970. */
export function windowStartMs(at: number, seconds: number): number {
  const size = seconds * 1000;
  return Math.floor(at / size) * size;
}

function isClass(prediction: number, classes: number): boolean {
  return Number.isInteger(prediction) && prediction >= 0 && prediction < classes;
}
