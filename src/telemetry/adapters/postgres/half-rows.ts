import type { Database } from '../../../platform/postgres/index.js';
import { halfKey } from '../../domain/half-pairs.js';
import type { LogFormat, ReceivedHalf } from '../../ports.js';

/** A row of `telemetry.pending_half`; everything but its name is null once both halves have met. */
export interface HalfRow {
  readonly model: string;
  readonly half_id: string;
  readonly joined: boolean;
  readonly topic: string;
  readonly partition: number;
  readonly format: LogFormat;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly logged_at: number;
}

/** A half together with the partition that it came from. */
export interface PlacedHalf extends ReceivedHalf {
  readonly topic: string;
  readonly partition: number;
}

const COLUMNS = `model, half_id, joined, topic, partition, format, "offset"::float8 AS "offset", key, value, headers, logged_at`;

/** What is known of these inferences. */
export function findHalves(db: Database, halves: readonly ReceivedHalf[]): Promise<HalfRow[]> {
  return db.query<HalfRow>(
    `SELECT ${COLUMNS} FROM telemetry.pending_half
     WHERE (model, half_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))`,
    [halves.map(({ half }) => half.model), halves.map(({ half }) => half.id)],
  );
}

/** Remembers that these have met; what waited of them goes. */
export async function markJoined(db: Database, halves: readonly PlacedHalf[], at: Date): Promise<void> {
  const unique = [...new Map(halves.map((one) => [halfKey(one.half), one.half])).values()];
  if (unique.length === 0) return;
  await db.affected(
    `INSERT INTO telemetry.pending_half (model, half_id, joined, arrived_at, size_bytes)
     SELECT *, true, $3::timestamptz, 0 FROM unnest($1::text[], $2::text[])
     ON CONFLICT (model, half_id) DO UPDATE SET joined = true, arrived_at = EXCLUDED.arrived_at, size_bytes = 0,
       topic = NULL, partition = NULL, format = NULL, "offset" = NULL, key = NULL, value = NULL, headers = NULL, logged_at = NULL`,
    [unique.map(({ model }) => model), unique.map(({ id }) => id), at.toISOString()],
  );
}

/** Keeps halves until the other one comes. */
export async function keepWaiting(db: Database, halves: readonly PlacedHalf[], at: Date): Promise<void> {
  if (halves.length === 0) return;
  const of = <T>(read: (half: PlacedHalf) => T): T[] => halves.map(read);
  await db.affected(
    `INSERT INTO telemetry.pending_half
       (model, half_id, joined, arrived_at, topic, partition, format, "offset", key, value, headers, logged_at, size_bytes)
     SELECT model, half_id, false, $1::timestamptz, topic, partition, format, place, key, value, headers, logged_at,
       coalesce(octet_length(value), 0) + 200
     FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[], $6::text[], $7::bigint[], $8::bytea[], $9::bytea[],
       $10::jsonb[], $11::float8[])
       AS t (model, half_id, topic, partition, format, place, key, value, headers, logged_at)
     ON CONFLICT (model, half_id) DO NOTHING`,
    [
      at.toISOString(),
      of(({ half }) => half.model),
      of(({ half }) => half.id),
      of(({ topic }) => topic),
      of(({ partition }) => partition),
      of(({ format }) => format),
      of(({ record }) => record.offset),
      of(({ record }) => bytesOf(record.key)),
      of(({ record }) => bytesOf(record.value)),
      of(({ record }) => JSON.stringify(record.headers)),
      of(({ record }) => record.timestamp),
    ],
  );
}

/** Takes out the oldest that wait beyond so many bytes of a model. */
export async function takeExcess(db: Database, model: string, bytes: number): Promise<HalfRow[]> {
  const [sum] = await db.query<{ bytes: number }>(
    'SELECT coalesce(sum(size_bytes), 0)::float8 AS bytes FROM telemetry.pending_half WHERE model = $1 AND NOT joined',
    [model],
  );
  if (sum === undefined || sum.bytes <= bytes) return [];
  return db.query<HalfRow>(
    `DELETE FROM telemetry.pending_half USING (
       SELECT half_id, sum(size_bytes) OVER (ORDER BY arrived_at DESC, half_id) AS kept
       FROM telemetry.pending_half WHERE model = $1 AND NOT joined) AS ranked
     WHERE model = $1 AND pending_half.half_id = ranked.half_id AND ranked.kept > $2 RETURNING ${COLUMNS.replace('half_id', 'pending_half.half_id')}`,
    [model, bytes],
  );
}

/** Takes out what has waited since before `before`, and forgets pairs that met before it. At most `limit` rows of each. */
export async function takeExpired(db: Database, model: string, before: Date, limit: number): Promise<HalfRow[]> {
  const old = (joined: boolean): string =>
    `DELETE FROM telemetry.pending_half WHERE ctid = ANY(ARRAY(SELECT ctid FROM telemetry.pending_half
       WHERE model = $1 AND joined = ${joined} AND arrived_at < $2 ORDER BY arrived_at LIMIT ${limit}))`;
  await db.affected(old(true), [model, before.toISOString()]);
  return db.query<HalfRow>(`${old(false)} RETURNING ${COLUMNS}`, [model, before.toISOString()]);
}

function bytesOf(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
