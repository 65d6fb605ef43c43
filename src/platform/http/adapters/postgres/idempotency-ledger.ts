import { Injectable } from '@nestjs/common';
import { Clock } from '../../../../kernel/index.js';
import { Database } from '../../../postgres/index.js';
import { RequestInFlight } from '../../errors.js';
import { IdempotencyLedger, type RequestKey, type StoredAnswer } from '../../idempotency-ledger.js';

const KEPT_MS = 86_400_000;
/** What one answer may sweep, so that no request waits for it. */
const SWEPT = 100;

@Injectable()
export class PostgresIdempotencyLedger extends IdempotencyLedger {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {
    super();
  }

  override once<T>(key: RequestKey, work: (known: StoredAnswer | null) => Promise<T>): Promise<T> {
    return this.db.run('http.answer-once', async () => {
      // The lock ends with the transaction, and with the connection of a process that died.
      const [lock] = await this.db.query<{ mine: boolean }>(
        'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS mine',
        [`http.idempotency/${JSON.stringify([key.actor, key.key])}`],
      );
      if (lock?.mine !== true) throw new RequestInFlight(key.key);
      return work(await this.find(key));
    });
  }

  override async keep({ actor, key }: RequestKey, { hash, status, body }: StoredAnswer): Promise<void> {
    const now = this.clock.now();
    await this.db.query(
      `DELETE FROM platform.idempotency_key WHERE (actor, key) IN
         (SELECT actor, key FROM platform.idempotency_key WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [this.oldest(now), SWEPT],
    );
    // A row that has expired and was not swept yet makes room.
    await this.db.query(
      `INSERT INTO platform.idempotency_key (actor, key, hash, status, body, at) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (actor, key) DO UPDATE
       SET hash = EXCLUDED.hash, status = EXCLUDED.status, body = EXCLUDED.body, at = EXCLUDED.at
       WHERE platform.idempotency_key.at < $7`,
      [actor, key, hash, status, body, now, this.oldest(now)],
    );
  }

  private async find({ actor, key }: RequestKey): Promise<StoredAnswer | null> {
    const [row] = await this.db.query<StoredAnswer>(
      'SELECT hash, status, body FROM platform.idempotency_key WHERE actor = $1 AND key = $2 AND at >= $3',
      [actor, key, this.oldest(this.clock.now())],
    );
    return row ?? null;
  }

  private oldest(now: Date): Date {
    return new Date(now.getTime() - KEPT_MS);
  }
}
