import { Injectable } from '@nestjs/common';
import { Clock } from '../../../kernel/index.js';
import { Database } from '../../../platform/postgres/index.js';
import { ChangeLock } from '../../ports.js';

@Injectable()
export class PostgresChangeLock extends ChangeLock {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async acquire(model: string, holder: string): Promise<boolean> {
    // The update changes nothing; it makes the statement return the row that is there, whoever wrote it.
    const rows = await this.db.query<{ holder: string }>(
      `INSERT INTO models.change_lock (model, holder, acquired_at) VALUES ($1, $2, $3)
       ON CONFLICT (model) DO UPDATE SET holder = models.change_lock.holder RETURNING holder`,
      [model, holder, this.clock.now()],
    );
    return rows[0]?.holder === holder;
  }

  override async release(model: string, holder: string): Promise<void> {
    await this.db.query('DELETE FROM models.change_lock WHERE model = $1 AND holder = $2', [model, holder]);
  }

  override async holder(model: string): Promise<string | null> {
    const rows = await this.db.query<{ holder: string }>('SELECT holder FROM models.change_lock WHERE model = $1', [
      model,
    ]);
    return rows[0]?.holder ?? null;
  }
}
