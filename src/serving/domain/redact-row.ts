import type { TelemetrySettings } from '../../models/index.js';
import type { Answer } from './answer.js';

/** What decides about the fields of a row that nobody may store. */
export type RedactionSpec = Pick<TelemetrySettings, 'columns' | 'redact'>;

/** Places in the input row of the columns that are never stored. */
export function redactedColumns({ columns, redact }: RedactionSpec): number[] {
  if (redact.length === 0) return [];
  const names = new Set(redact);
  return columns.flatMap((name, place) => (names.has(name) ? [place] : []));
}

/** The row with zeros in these places; the row itself when there are none. Never changes what it was given. */
export function withoutColumns(row: Float32Array, places: readonly number[]): Float32Array {
  if (places.length === 0) return row;
  const copy = row.slice();
  for (const place of places) if (place < copy.length) copy[place] = 0;
  return copy;
}

const NOTHING = new Float32Array();

/**
 * The answer as it may leave the data plane: without its input where the model or the sender opted out, and with zeros in
 * redacted columns. Features were computed without them already.
 */
export function forTelemetry(answer: Answer, spec: RedactionSpec & Pick<TelemetrySettings, 'sampling'>): Answer {
  if (!spec.sampling || answer.keepInput === false) return { ...answer, input: NOTHING };
  const places = redactedColumns(spec);
  return places.length === 0 ? answer : { ...answer, input: withoutColumns(answer.input, places) };
}
