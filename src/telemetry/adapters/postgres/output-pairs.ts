import type { Database } from '../../../platform/postgres/index.js';
import type { AdmittedEvent, ModelView } from '../../domain/admit.js';
import { MOST_PAIRS, pairsToKeep } from '../../domain/output-pair.js';

/**
 * Keeps answers that are no single number beside what the shadow said; the newest of a model stay. The caller holds the
 * model's lock and passes only events that were not counted before, so sequences become visible in their order.
 */
export async function insertOutputPairs(
  db: Database,
  view: ModelView,
  events: readonly AdmittedEvent[],
  now: Date,
): Promise<void> {
  const pairs = pairsToKeep(view, events);
  if (pairs.length === 0) return;
  await db.query(
    `INSERT INTO telemetry.output_pair (model, request_id, version, shadow_version, at, output, shadow)
     SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::jsonb[], $7::jsonb[])
     ON CONFLICT DO NOTHING`,
    [
      view.name,
      pairs.map(({ event }) => event.requestId),
      pairs.map(({ event }) => event.version),
      pairs.map(({ event }) => event.shadow?.version ?? ''),
      pairs.map(({ event }) => event.at.toISOString()),
      pairs.map(({ output }) => storable(output)),
      pairs.map(({ shadow }) => storable(shadow)),
    ],
  );
  await db.query(
    `DELETE FROM telemetry.output_pair WHERE model = $1 AND (sequence <= (
       SELECT sequence FROM telemetry.output_pair WHERE model = $1 ORDER BY sequence DESC OFFSET $2 LIMIT 1) OR at < $3)`,
    [view.name, MOST_PAIRS, new Date(now.getTime() - view.sampleSeconds * 1000).toISOString()],
  );
}

/** As JSON that the database takes: it has no NUL in a text. */
function storable(output: readonly number[] | string): string {
  return JSON.stringify(typeof output === 'string' ? output.replaceAll('\0', '') : output);
}
