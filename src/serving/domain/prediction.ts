import { assertNever } from '../../kernel/index.js';
import type { Task } from '../../models/index.js';
import { OutputUnusable } from './errors.js';

/** What an output row says. */
export interface Prediction {
  /** Class index, the lowest one on a tie (classification), the value (regression), or the mean of the row (series, text). */
  readonly prediction: number;
  /** Softmax probability of the predicted class, 0..1; null for every other task. */
  readonly confidence: number | null;
}

/** How far the sum of a row of probabilities may be from 1: half precision and 8 bit outputs round. */
const SUM_TOLERANCE = 0.01;

/**
 * Reads one output row. A classifier may answer logits or probabilities: a row without negative values that sums to 1
 * is taken as probabilities.
 * @throws OutputUnusable when a value is not finite or the row's length is not the task's
 */
export function readPrediction(row: ArrayLike<number>, task: Task): Prediction {
  const expected = expectedLength(task, row.length);
  if (row.length !== expected) throw new OutputUnusable(`an output row has ${row.length} values, not ${expected}`);
  let best = 0;
  let sum = 0;
  let least = Infinity;
  for (let i = 0; i < row.length; i += 1) {
    const value = row[i]!;
    if (!Number.isFinite(value)) throw new OutputUnusable('an output value is not finite');
    if (value > row[best]!) best = i;
    if (value < least) least = value;
    sum += value;
  }
  if (task.kind !== 'classification') return { prediction: sum / row.length, confidence: null };
  const top = row[best]!;
  if (least >= 0 && Math.abs(sum - 1) <= SUM_TOLERANCE) return { prediction: best, confidence: Math.min(1, top) };
  let partition = 0;
  for (let i = 0; i < row.length; i += 1) partition += Math.exp(row[i]! - top); // shifted by the maximum: never overflows
  return { prediction: best, confidence: 1 / partition };
}

/** Numbers in one output row; whatever there is for a text, whose numbers only its own decoder can read. */
function expectedLength(task: Task, length: number): number {
  switch (task.kind) {
    case 'classification':
      return task.classes;
    case 'regression':
      return 1;
    case 'series':
      return task.steps;
    case 'text':
      return Math.max(1, length);
    default:
      return assertNever(task);
  }
}

/** Reads a batch: `values` holds `rows` equally long rows. @throws OutputUnusable */
export function readPredictions(values: Float32Array, rows: number, task: Task): Prediction[] {
  const width = values.length / rows;
  if (!Number.isInteger(width)) throw new OutputUnusable(`${values.length} output values for ${rows} rows`);
  return Array.from({ length: rows }, (_, row) =>
    readPrediction(values.subarray(row * width, (row + 1) * width), task),
  );
}
