import type { Digest } from '../../../kernel/index.js';
import type { Database } from '../../../platform/postgres/index.js';
import { mergeWindows } from '../../domain/merge-windows.js';
import type { Histogram, Moments, Window } from '../../domain/window.js';

interface WindowRow {
  readonly model: string;
  readonly version: Digest;
  readonly start: Date;
  readonly seconds: number;
  readonly requests: number;
  readonly errors: number;
  readonly latency: Buffer;
  readonly features: Record<string, Histogram>;
  readonly predictions: Record<string, number>;
  readonly confidence: number[];
  readonly moments: Record<string, Moments>;
  readonly compared: number;
  readonly agreed: number;
  readonly served: number | null;
  readonly labelled: number;
  readonly correct: number;
  readonly newest_at: Date;
}

/** Columns of a window in the types of `WindowRow`. */
export const WINDOW_COLUMNS = `model, version, start, seconds, requests::float8 AS requests, errors::float8 AS errors, latency,
  features, predictions, confidence, labelled::float8 AS labelled, correct::float8 AS correct,
  moments, compared::float8 AS compared, agreed::float8 AS agreed, served::float8 AS served, newest_at`;

export function toWindow(row: WindowRow): Window {
  const { newest_at: newestAt, latency, ...rest } = row;
  return { ...rest, latency: new Uint8Array(latency), newestAt };
}

export async function selectWindows(db: Database, where: string, parameters: unknown[]): Promise<Window[]> {
  const rows = await db.query<WindowRow>(
    `SELECT ${WINDOW_COLUMNS} FROM telemetry."window" WHERE ${where} ORDER BY start, version, seconds`,
    parameters,
  );
  return rows.map(toWindow);
}

/** Adds parts of windows of one model to what is stored. The caller holds the model's lock. */
export async function addToWindows(db: Database, model: string, parts: readonly Window[]): Promise<void> {
  if (parts.length === 0) return;
  const stored = await selectWindows(
    db,
    `model = $1 AND (version, start, seconds) IN (
       SELECT * FROM unnest($2::text[], $3::timestamptz[], $4::integer[]))`,
    [
      model,
      parts.map((part) => part.version),
      parts.map((part) => part.start.toISOString()),
      parts.map((part) => part.seconds),
    ],
  );
  const known = new Map(stored.map((window) => [keyOf(window), window]));
  const merged = parts.map((part) => {
    const before = known.get(keyOf(part));
    return before === undefined ? part : mergeWindows(before, part);
  });
  await upsert(db, merged);
}

async function upsert(db: Database, windows: readonly Window[]): Promise<void> {
  const of = <T>(read: (window: Window) => T): T[] => windows.map(read);
  await db.affected(
    `INSERT INTO telemetry."window" (model, version, start, seconds, requests, errors, latency, features, predictions,
       confidence, labelled, correct, newest_at, moments, compared, agreed, served)
     SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::integer[], $5::bigint[], $6::bigint[], $7::bytea[],
       $8::jsonb[], $9::jsonb[], $10::jsonb[], $11::bigint[], $12::bigint[], $13::timestamptz[], $14::jsonb[], $15::bigint[],
       $16::bigint[], $17::bigint[])
     ON CONFLICT (model, version, start, seconds) DO UPDATE SET
       requests = EXCLUDED.requests, errors = EXCLUDED.errors, latency = EXCLUDED.latency, features = EXCLUDED.features,
       predictions = EXCLUDED.predictions, confidence = EXCLUDED.confidence, newest_at = EXCLUDED.newest_at,
       moments = EXCLUDED.moments, compared = EXCLUDED.compared, agreed = EXCLUDED.agreed`,
    [
      of((window) => window.model),
      of((window) => window.version),
      of((window) => window.start.toISOString()),
      of((window) => window.seconds),
      of((window) => window.requests),
      of((window) => window.errors),
      of((window) => Buffer.from(window.latency)),
      of((window) => JSON.stringify(window.features)),
      of((window) => JSON.stringify(window.predictions)),
      of((window) => JSON.stringify(window.confidence)),
      of((window) => window.labelled),
      of((window) => window.correct),
      of((window) => window.newestAt.toISOString()),
      of((window) => JSON.stringify(window.moments)),
      of((window) => window.compared),
      of((window) => window.agreed),
      of((window) => window.served),
    ],
  );
}

function keyOf(window: Window): string {
  return `${window.version} ${window.start.getTime()} ${window.seconds}`;
}
