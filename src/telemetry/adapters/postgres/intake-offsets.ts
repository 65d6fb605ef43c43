import type { Database } from '../../../platform/postgres/index.js';
import { AlreadyFurther, FencedOut } from '../../domain/errors.js';
import type { IntakeBatch, IntakeSource } from '../../ports.js';

/** Raises the epoch; the first claim of a source starts it at offset 0. */
export async function claimSource(db: Database, source: IntakeSource): Promise<{ epoch: number; next: number }> {
  const [row] = await db.query<{ epoch: number; next: number }>(
    `INSERT INTO telemetry.intake_offset (topic, partition, next, epoch) VALUES ($1, $2, 0, 1)
     ON CONFLICT (topic, partition) DO UPDATE SET epoch = intake_offset.epoch + 1
     RETURNING epoch::float8 AS epoch, next::float8 AS next`,
    [source.topic, source.partition],
  );
  if (row === undefined) throw new TypeError('Claiming a source returned no row.');
  return row;
}

/**
 * Moves the offset on, in the batch's transaction; the row stays locked until it ends. False when this very batch was
 * committed before (its answer was lost). @throws FencedOut @throws AlreadyFurther
 */
export async function advanceOffset(
  db: Database,
  batch: Pick<IntakeBatch, 'source' | 'epoch' | 'from' | 'to'>,
): Promise<boolean> {
  const { source, epoch, from, to } = batch;
  const moved = await db.affected(
    `UPDATE telemetry.intake_offset SET next = $5
     WHERE topic = $1 AND partition = $2 AND epoch = $3 AND next = $4`,
    [source.topic, source.partition, epoch, from, to],
  );
  if (moved === 1) return true;
  const [row] = await db.query<{ epoch: number; next: number }>(
    'SELECT epoch::float8 AS epoch, next::float8 AS next FROM telemetry.intake_offset WHERE topic = $1 AND partition = $2',
    [source.topic, source.partition],
  );
  if (row?.epoch === epoch && row.next === to) return false;
  if (row?.epoch === epoch && row.next > from && row.next < to) {
    throw new AlreadyFurther(source.topic, source.partition, row.next);
  }
  throw new FencedOut(source.topic, source.partition, epoch, from);
}

/**
 * Serialises writers of the same model until the transaction ends. Label sequences are taken under it, so they become
 * visible in their order, and windows can be read, merged and written without a lock of their own. Sorted, so that two
 * transactions never wait for each other.
 */
export async function lockModels(db: Database, models: Iterable<string>): Promise<void> {
  const names = [...new Set(models)];
  if (names.length === 0) return;
  await db.query(
    `SELECT pg_advisory_xact_lock(key) FROM (
       SELECT DISTINCT hashtextextended('telemetry ' || name, 0) AS key FROM unnest($1::text[]) AS name ORDER BY key) AS keys`,
    [names],
  );
}
