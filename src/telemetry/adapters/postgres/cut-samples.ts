import type { Database } from '../../../platform/postgres/index.js';
import type { ModelView } from '../../domain/admit.js';
import { cutTo, dropPlan } from '../../domain/sample-policy.js';

/** Name of the cell that counts all rows. */
export const ALL_ROWS = '$all';

/** True for a row that a reservoir holds: what is not held out and lies below its cell's threshold. */
const IN_RESERVOIR = `NOT sample.holdout AND sample.priority < coalesce((
  SELECT cell.threshold FROM telemetry.sample_cell AS cell
  WHERE cell.model = sample.model AND cell.stratum = sample.stratum AND cell.period = sample.period), 0)`;

/**
 * The oldest rows leave the uniform stream, whatever they are, so that what stays has no preference; those that a
 * reservoir holds stay there. Goes on until the sample has at most `rows` rows. The caller holds the model's lock.
 * Returns how many rows are left.
 */
export async function cutUniform(db: Database, model: string, total: number, rows: number): Promise<number> {
  let left = total;
  let gone = -1;
  while (left > rows && gone !== 0) {
    const result = await db.query<{ gone: number; moved: number }>(
      `WITH leaving AS MATERIALIZED (
         SELECT sequence, ${IN_RESERVOIR} AS reserved FROM telemetry.sample
         WHERE model = $1 AND uniform ORDER BY sample.sequence LIMIT $2
       ), gone AS (
         DELETE FROM telemetry.sample USING leaving WHERE sample.sequence = leaving.sequence AND NOT leaving.reserved
       ), moved AS (
         UPDATE telemetry.sample SET uniform = false FROM leaving
         WHERE sample.sequence = leaving.sequence AND leaving.reserved
       )
       SELECT count(*) FILTER (WHERE NOT reserved)::integer AS gone, count(*)::integer AS moved FROM leaving`,
      [model, left - cutTo(rows)],
    );
    gone = result[0]?.moved ?? 0;
    left -= result[0]?.gone ?? 0;
  }
  return left;
}

/**
 * Lowers the thresholds of the largest reservoirs until all of them fit. The new threshold is the priority of the first
 * row that no longer fits, which makes it the chance that each row of the cell had to be kept. The caller holds the
 * model's lock. Returns how many rows went.
 */
export async function cutReservoirs(db: Database, model: string, bound: number): Promise<number> {
  const cells = await db.query<{ stratum: string; period: string; kept: number }>(
    `SELECT stratum, period::text AS period, kept FROM telemetry.sample_cell
     WHERE model = $1 AND stratum <> $2 AND kept > 0`,
    [model, ALL_ROWS],
  );
  const sizes = new Map(cells.map((cell) => [`${cell.stratum} ${cell.period}`, cell.kept]));
  const plan = [...dropPlan(sizes, cutTo(bound))].map(([name, drop]) => {
    const cut = name.lastIndexOf(' ');
    return { stratum: name.slice(0, cut), period: name.slice(cut + 1), keep: (sizes.get(name) ?? 0) - drop };
  });
  if (plan.length === 0) return 0;
  return db.affected(
    `WITH plan AS (SELECT * FROM unnest($2::text[], $3::bigint[], $4::integer[]) AS plan (stratum, period, keep)),
     cut AS (
       UPDATE telemetry.sample_cell AS cell SET kept = plan.keep, threshold = coalesce((
         SELECT sample.priority FROM telemetry.sample
         WHERE sample.model = $1 AND sample.stratum = plan.stratum AND sample.period = plan.period AND NOT sample.holdout
         ORDER BY sample.priority OFFSET plan.keep LIMIT 1), cell.threshold)
       FROM plan WHERE cell.model = $1 AND cell.stratum = plan.stratum AND cell.period = plan.period
       RETURNING cell.stratum, cell.period, cell.threshold)
     DELETE FROM telemetry.sample USING cut
     WHERE sample.model = $1 AND sample.stratum = cut.stratum AND sample.period = cut.period AND NOT sample.uniform
       AND sample.priority >= cut.threshold RETURNING 1`,
    [model, plan.map(({ stratum }) => stratum), plan.map(({ period }) => period), plan.map(({ keep }) => keep)],
  );
}

/** Rows older than the model wants, and rows of another input size, which fit no snapshot any more; recounts the cells. */
export async function dropOldSamples(db: Database, view: ModelView, now: Date): Promise<number> {
  const oldest = new Date(now.getTime() - view.sampleSeconds * 1000);
  const dropped = await db.affected(
    `DELETE FROM telemetry.sample WHERE model = $1 AND (at < $2 OR octet_length(input) <> $3 OR NOT $4::boolean)`,
    [view.name, oldest.toISOString(), view.inputLength * 4, view.sampling],
  );
  await db.affected(
    `WITH rows AS (
       SELECT stratum, period, count(*) AS kept FROM telemetry.sample WHERE model = $1 AND ${IN_RESERVOIR} GROUP BY stratum, period
       UNION ALL SELECT $2, 0, count(*) FROM telemetry.sample WHERE model = $1)
     UPDATE telemetry.sample_cell AS cell SET kept = coalesce((
       SELECT rows.kept FROM rows WHERE rows.stratum = cell.stratum AND rows.period = cell.period), 0)
     WHERE cell.model = $1`,
    [view.name, ALL_ROWS],
  );
  await db.affected(
    `DELETE FROM telemetry.sample_cell WHERE model = $1 AND kept = 0 AND period > 0
       AND to_timestamp(period) < $2::timestamptz - make_interval(secs => $3)`,
    [view.name, oldest.toISOString(), view.sampleSeconds],
  );
  return dropped;
}
