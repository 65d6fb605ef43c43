import type { Database } from '../../../platform/postgres/index.js';
import type { AdmittedEvent, ModelView } from '../../domain/admit.js';
import { rowToBytes } from '../../domain/decode-input.js';
import { periodOf, sampleBounds, samplePriority } from '../../domain/sample-policy.js';
import { type ReferenceProfile, stratumOf } from '../../domain/sampling-strata.js';
import { isHoldout } from '../../domain/stable-hash.js';
import { cutReservoirs, cutUniform, ALL_ROWS } from './cut-samples.js';

interface Row {
  readonly admitted: AdmittedEvent;
  readonly stratum: string;
  readonly period: number;
  readonly priority: number;
  readonly holdout: boolean;
}

/**
 * Keeps raw inputs of new answers and cuts what no longer fits. Every row joins the uniform stream, and the reservoir of
 * its stratum and period when its priority lies below that one's threshold and it is not held out. The caller holds the
 * model's lock and has written the answers and the profiles. Returns how many were kept.
 *
 * @param chance the chance that the gate gave every eligible event of the batch
 */
export async function writeSamples(
  db: Database,
  view: ModelView,
  samples: readonly AdmittedEvent[],
  chance: number,
): Promise<number> {
  if (samples.length === 0 || !view.sampling) return 0;
  const profile = await referenceProfile(db, view.name);
  const rows = samples.map((admitted): Row => {
    const { event } = admitted;
    return {
      admitted,
      stratum: stratumOf(event, view.classes, profile),
      period: periodOf(event.at, view.sampleSeconds),
      priority: samplePriority(event.requestId),
      holdout: isHoldout(event.requestId),
    };
  });
  const inserted = new Set(await insert(db, view.name, rows, chance));
  const fresh = rows.filter(({ admitted }) => inserted.has(admitted.event.requestId));
  if (fresh.length === 0) return 0;
  const counted = await countIn(db, view.name, fresh);
  const bounds = sampleBounds(view);
  let { rows: left } = counted;
  if (counted.reserved > bounds.reserved) left -= await cutReservoirs(db, view.name, bounds.reserved);
  if (left > bounds.rows) left = await cutUniform(db, view.name, left, bounds.rows);
  if (left !== counted.rows) await setRows(db, view.name, left);
  return fresh.length;
}

async function referenceProfile(db: Database, model: string): Promise<ReferenceProfile> {
  const rows = await db.query<{ feature: string; edges: number[] }>(
    'SELECT feature, edges FROM telemetry.feature_profile WHERE model = $1 AND edges IS NOT NULL',
    [model],
  );
  return new Map(rows.map(({ feature, edges }) => [feature, edges]));
}

async function insert(db: Database, model: string, rows: readonly Row[], chance: number): Promise<string[]> {
  const of = <T>(read: (event: AdmittedEvent['event']) => T): T[] => rows.map(({ admitted }) => read(admitted.event));
  const inserted = await db.query<{ request_id: string }>(
    `INSERT INTO telemetry.sample (model, request_id, version, at, input, prediction, confidence, label, stratum, period,
       priority, chance, uniform, holdout)
     SELECT $1, kept.request_id, kept.version, kept.at, kept.input, kept.prediction, kept.confidence, answer.label,
       kept.stratum, kept.period, kept.priority, $2, true, kept.holdout
     FROM unnest($3::text[], $4::text[], $5::timestamptz[], $6::bytea[], $7::float8[], $8::float8[], $9::text[],
         $10::bigint[], $11::float8[], $12::boolean[])
       WITH ORDINALITY AS kept (request_id, version, at, input, prediction, confidence, stratum, period, priority, holdout, place)
     LEFT JOIN telemetry.answer ON answer.model = $1 AND answer.request_id = kept.request_id
     ORDER BY kept.place
     ON CONFLICT (model, request_id) DO NOTHING RETURNING request_id`,
    [
      model,
      chance,
      of((event) => event.requestId),
      of((event) => event.version),
      of((event) => event.at.toISOString()),
      of((event) => Buffer.from(rowToBytes(event.input ?? new Float32Array()))),
      of((event) => event.prediction),
      of((event) => event.confidence),
      rows.map(({ stratum }) => stratum),
      rows.map(({ period }) => period),
      rows.map(({ priority }) => priority),
      rows.map(({ holdout }) => holdout),
    ],
  );
  return inserted.map(({ request_id: id }) => id);
}

/** Counts new rows in their cells and returns how many rows there are now, and how many of them the reservoirs hold. */
async function countIn(
  db: Database,
  model: string,
  rows: readonly Row[],
): Promise<{ readonly rows: number; readonly reserved: number }> {
  const eligible = rows.filter(({ holdout }) => !holdout);
  await db.affected(
    `INSERT INTO telemetry.sample_cell AS cell (model, stratum, period, threshold, kept)
     SELECT $1, fresh.stratum, fresh.period, 1, count(*) FILTER (WHERE fresh.priority < coalesce(known.threshold, 1))
     FROM unnest($2::text[], $3::bigint[], $4::float8[]) AS fresh (stratum, period, priority)
     LEFT JOIN telemetry.sample_cell AS known
       ON known.model = $1 AND known.stratum = fresh.stratum AND known.period = fresh.period
     GROUP BY fresh.stratum, fresh.period
     UNION ALL SELECT $1, $5, 0, 1, $6
     ON CONFLICT (model, stratum, period) DO UPDATE SET kept = cell.kept + EXCLUDED.kept`,
    [
      model,
      eligible.map(({ stratum }) => stratum),
      eligible.map(({ period }) => period),
      eligible.map(({ priority }) => priority),
      ALL_ROWS,
      rows.length,
    ],
  );
  const [sums] = await db.query<{ rows: number; reserved: number }>(
    `SELECT coalesce(sum(kept) FILTER (WHERE stratum = $2), 0)::float8 AS rows,
       coalesce(sum(kept) FILTER (WHERE stratum <> $2), 0)::float8 AS reserved
     FROM telemetry.sample_cell WHERE model = $1`,
    [model, ALL_ROWS],
  );
  return sums ?? { rows: 0, reserved: 0 };
}

async function setRows(db: Database, model: string, rows: number): Promise<void> {
  await db.affected('UPDATE telemetry.sample_cell SET kept = $3 WHERE model = $1 AND stratum = $2', [
    model,
    ALL_ROWS,
    rows,
  ]);
}
