import { type AdmittedEvent, windowStart } from './admit.js';
import { type BadReason, bad } from './event.js';
import { type EventRow, MODEL_ORDER } from './event-row.js';
import { redactEvent } from './redact.js';
import type { ModelShape } from './model-shape.js';

/**
 * Why a model does not take a row; null when it does. `oldest` is the first moment whose window may still be written:
 * what a log holds counts exactly once by its offset, so it needs no answer to be told apart by, however late it comes.
 */
export function refuseRow(row: EventRow, shape: ModelShape, oldest: number): BadReason | null {
  const { classes, inputLength, features } = shape.view;
  const { prediction, input } = row;
  if (classes !== null && !(Number.isNaN(prediction) || isClass(prediction, classes))) {
    return bad('contract', `prediction ${prediction} is not one of ${classes} classes`).bad;
  }
  if (input !== null && input.length !== inputLength) {
    return bad('contract', `input has ${input.length} numbers; the model takes ${inputLength}`).bad;
  }
  if (row.names === MODEL_ORDER && (row.count !== features.length || row.featureSet !== shape.featureSet)) {
    return bad('contract', "the values without names are not those of the document's features").bad;
  }
  if (row.at < oldest) return bad('too-old', 'at is longer ago than windows are kept').bad;
  return null;
}

/** A row as an event that stays, for what is kept one by one. */
export function admittedRow(row: EventRow, shape: ModelShape, late: boolean, future: boolean): AdmittedEvent {
  const names = row.names === MODEL_ORDER ? shape.view.features : row.names;
  const event = redactEvent(row.toEvent(names), shape.view.redaction);
  const { windowSeconds } = shape.view;
  return { event, windowStart: windowStart(event.at, windowSeconds), windowSeconds, late, future };
}

function isClass(prediction: number, classes: number): boolean {
  return Number.isInteger(prediction) && prediction >= 0 && prediction < classes;
}
