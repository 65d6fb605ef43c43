import type { Database } from '../../../platform/postgres/index.js';
import type { AdmittedEvent } from '../../domain/admit.js';
import { identity } from '../../domain/deduplicate.js';

const STATEMENT = `
  INSERT INTO telemetry.answer AS known
    (model, request_id, version, arm, at, prediction, confidence, shadow_version, shadow_prediction, window_start, window_seconds,
     has_output)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::float8[], $7::float8[],
    $8::text[], $9::float8[], $10::timestamptz[], $11::integer[], $12::boolean[])
  ON CONFLICT (model, request_id) DO UPDATE SET
    version = EXCLUDED.version, arm = EXCLUDED.arm, at = EXCLUDED.at, prediction = EXCLUDED.prediction,
    confidence = EXCLUDED.confidence, shadow_version = EXCLUDED.shadow_version,
    shadow_prediction = EXCLUDED.shadow_prediction, window_start = EXCLUDED.window_start,
    window_seconds = EXCLUDED.window_seconds, has_output = EXCLUDED.has_output
  WHERE known.prediction IS NULL AND NOT known.has_output AND EXCLUDED.at > known.at
  RETURNING model, request_id`;

/**
 * Writes answers, of which no two may have the same identity, and returns those that were not known before; they are
 * the ones to count. A failed request that was tried again later under the same id is a new event.
 */
export async function insertAnswers(db: Database, events: readonly AdmittedEvent[]): Promise<AdmittedEvent[]> {
  if (events.length === 0) return [];
  const of = <T>(read: (admitted: AdmittedEvent) => T): T[] => events.map(read);
  const fresh = await db.query<{ model: string; request_id: string }>(STATEMENT, [
    of(({ event }) => event.model),
    of(({ event }) => event.requestId),
    of(({ event }) => event.version),
    of(({ event }) => event.arm),
    of(({ event }) => event.at.toISOString()),
    of(({ event }) => event.prediction),
    of(({ event }) => event.confidence),
    of(({ event }) => event.shadow?.version ?? null),
    of(({ event }) => event.shadow?.prediction ?? null),
    of(({ windowStart }) => windowStart.toISOString()),
    of(({ windowSeconds }) => windowSeconds),
    of(({ event }) => event.output !== null),
  ]);
  const names = new Set(fresh.map((row) => identity({ model: row.model, requestId: row.request_id })));
  return events.filter(({ event }) => names.has(identity(event)));
}
