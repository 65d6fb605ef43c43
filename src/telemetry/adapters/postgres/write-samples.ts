import type { Database } from '../../../platform/postgres/index.js';
import type { AdmittedEvent, ModelView } from '../../domain/admit.js';
import { rowToBytes } from '../../domain/decode-input.js';
import { dropPlan, stratumOf } from '../../domain/sample-policy.js';

/**
 * Keeps raw inputs of new answers and drops what no longer fits: rows that are too old, then the oldest of the largest
 * strata. The caller holds the model's lock and has written the answers. Returns how many were kept.
 */
export async function writeSamples(
  db: Database,
  view: ModelView,
  samples: readonly AdmittedEvent[],
  now: Date,
): Promise<number> {
  if (samples.length === 0) return 0;
  const of = <T>(read: (event: AdmittedEvent['event']) => T): T[] => samples.map(({ event }) => read(event));
  const inserted = await db.affected(
    `INSERT INTO telemetry.sample (model, request_id, version, at, input, prediction, confidence, label, stratum)
     SELECT $1, kept.request_id, kept.version, kept.at, kept.input, kept.prediction, kept.confidence, answer.label, kept.stratum
     FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::bytea[], $6::float8[], $7::float8[], $8::text[])
       WITH ORDINALITY AS kept (request_id, version, at, input, prediction, confidence, stratum, place)
     LEFT JOIN telemetry.answer ON answer.model = $1 AND answer.request_id = kept.request_id
     ORDER BY kept.place
     ON CONFLICT (model, request_id) DO NOTHING`,
    [
      view.name,
      of((event) => event.requestId),
      of((event) => event.version),
      of((event) => event.at.toISOString()),
      of((event) => Buffer.from(rowToBytes(event.input ?? new Float32Array()))),
      of((event) => event.prediction),
      of((event) => event.confidence),
      of((event) => stratumOf(event.prediction ?? 0, event.confidence, view.classes)),
    ],
  );
  await dropOldSamples(db, view, now);
  await dropExcess(db, view);
  return inserted;
}

/** Rows older than the model wants. */
export async function dropOldSamples(db: Database, view: ModelView, now: Date): Promise<number> {
  const oldest = new Date(now.getTime() - view.sampleSeconds * 1000);
  return db.affected('DELETE FROM telemetry.sample WHERE model = $1 AND at < $2', [view.name, oldest.toISOString()]);
}

async function dropExcess(db: Database, view: ModelView): Promise<void> {
  const rows = await db.query<{ stratum: string; count: number }>(
    'SELECT stratum, count(*)::float8 AS count FROM telemetry.sample WHERE model = $1 GROUP BY stratum',
    [view.name],
  );
  const plan = dropPlan(new Map(rows.map(({ stratum, count }) => [stratum, count])), view.sampleRows);
  if (plan.size === 0) return;
  await db.affected(
    `DELETE FROM telemetry.sample WHERE sequence IN (
       SELECT ranked.sequence FROM (
         SELECT sequence, stratum, row_number() OVER (PARTITION BY stratum ORDER BY sequence) AS age
         FROM telemetry.sample WHERE model = $1) AS ranked
       JOIN unnest($2::text[], $3::integer[]) AS plan (stratum, excess)
         ON plan.stratum = ranked.stratum AND ranked.age <= plan.excess)`,
    [view.name, [...plan.keys()], [...plan.values()]],
  );
}
