import type { Database } from '../postgres/index.js';

export interface TakenItem {
  readonly kind: string;
  readonly key: string;
  readonly attempts: number;
  /** How long it was due before it was taken; null when it was taken from a process whose lease ran out. */
  readonly waitedSeconds: number | null;
}

/** The SQL of the work queue; one function a statement. All times are the database's. */
export class WorkItems {
  constructor(private readonly db: Database) {}

  /** Makes the key due no later than in `delayMs`; un-parks it. */
  async enqueue(kind: string, key: string, delayMs: number): Promise<void> {
    await this.db.query(
      `INSERT INTO platform.work_item (kind, key, due_at) VALUES ($1, $2, now() + $3 * interval '1 millisecond')
       ON CONFLICT (kind, key) DO UPDATE
       SET due_at = LEAST(platform.work_item.due_at, EXCLUDED.due_at), parked_reason = NULL`,
      [kind, key, delayMs],
    );
  }

  /** Makes every key due now; un-parks it. Ordered, so that two processes that start at once do not wait for each other in a circle. */
  async enqueueAll(kind: string, keys: readonly string[]): Promise<void> {
    await this.db.query(
      `INSERT INTO platform.work_item (kind, key, due_at)
       SELECT DISTINCT $1, key, now() FROM unnest($2::text[]) AS key ORDER BY key
       ON CONFLICT (kind, key) DO UPDATE
       SET due_at = LEAST(platform.work_item.due_at, EXCLUDED.due_at), parked_reason = NULL`,
      [kind, keys],
    );
  }

  /**
   * Takes up to `limit` due items for `holder`, of each kind the longest due; what others hold is skipped unless their lease
   * ran out: that comes first, or a kind of which something is always due would never get to it. The places go round by
   * kind, beginning with those of which the fewest passes run (max-min fairness), so that the ten thousand sweeps of a
   * start keep no monitor waiting.
   * @param kinds with the passes of each that run here already; of equals the first has precedence
   */
  take(kinds: ReadonlyMap<string, number>, holder: string, limit: number, leaseSeconds: number): Promise<TakenItem[]> {
    return this.db.query<TakenItem>(
      `UPDATE platform.work_item AS item
       SET due_at = 'infinity', lease_holder = $3, lease_until = now() + $5 * interval '1 second'
       FROM (
         SELECT next.* FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS mine (kind, running, place),
           LATERAL (
             SELECT found.*, row_number() OVER (ORDER BY found.rank, found.due_at) AS turn FROM (
               SELECT 2 AS rank, * FROM (
                 SELECT kind, key, due_at FROM platform.work_item
                 WHERE kind = mine.kind AND due_at <= now() AND lease_until IS NULL
                 ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED) AS due
               UNION ALL
               SELECT 1, * FROM (
                 SELECT kind, key, due_at FROM platform.work_item
                 WHERE kind = mine.kind AND lease_until < now() LIMIT $4 FOR UPDATE SKIP LOCKED) AS abandoned
             ) AS found) AS next
         ORDER BY mine.running + next.turn, mine.place LIMIT $4) AS due
       WHERE item.kind = due.kind AND item.key = due.key
       RETURNING item.kind, item.key, item.attempts,
         CASE WHEN due.due_at <= now() THEN extract(epoch FROM now() - due.due_at)::float8 END AS "waitedSeconds"`,
      [[...kinds.keys()], [...kinds.values()], holder, limit, leaseSeconds],
    );
  }

  async renew(item: TakenItem, holder: string, leaseSeconds: number): Promise<void> {
    await this.db.query(
      `UPDATE platform.work_item SET lease_until = now() + $4 * interval '1 second'
       WHERE kind = $1 AND key = $2 AND lease_holder = $3`,
      [item.kind, item.key, holder, leaseSeconds],
    );
  }

  /**
   * Gives the item back; it runs again in `delayMs`, with null only when somebody asks for it, or earlier when somebody
   * enqueued it meanwhile.
   */
  async finish(item: TakenItem, holder: string, delayMs: number | null, attempts: number): Promise<void> {
    if (delayMs === null && (await this.remove(item, holder))) return;
    await this.db.query(
      `UPDATE platform.work_item
       SET lease_holder = NULL, lease_until = NULL, attempts = $5,
           due_at = LEAST(due_at, COALESCE(now() + $4::double precision * interval '1 millisecond', 'infinity'))
       WHERE kind = $1 AND key = $2 AND lease_holder = $3`,
      [item.kind, item.key, holder, delayMs, attempts],
    );
  }

  /** False when somebody enqueued it meanwhile, or it is no longer ours. */
  private async remove(item: TakenItem, holder: string): Promise<boolean> {
    const removed = await this.db.affected(
      `DELETE FROM platform.work_item WHERE kind = $1 AND key = $2 AND lease_holder = $3 AND due_at = 'infinity'`,
      [item.kind, item.key, holder],
    );
    return removed > 0;
  }

  /** Sets the item aside until somebody enqueues it again. */
  async park(item: TakenItem, holder: string, reason: string): Promise<void> {
    await this.db.query(
      `UPDATE platform.work_item SET lease_holder = NULL, lease_until = NULL, parked_reason = $4
       WHERE kind = $1 AND key = $2 AND lease_holder = $3`,
      [item.kind, item.key, holder, reason],
    );
  }

  /** Gives back everything that this process holds, so that a successor need not wait for the lease. */
  async releaseAll(holder: string): Promise<void> {
    await this.db.query(
      `UPDATE platform.work_item SET lease_holder = NULL, lease_until = NULL, due_at = now() WHERE lease_holder = $1`,
      [holder],
    );
  }
}
