import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import { TriggerLedger } from '../../ports.js';

@Injectable()
export class PostgresTriggerLedger extends TriggerLedger {
  constructor(private readonly db: Database) {
    super();
  }

  override async exclusively(model: string): Promise<void> {
    if (!this.db.inTransaction) throw new Error('The lock ends with its unit of work, and there is none.');
    await this.db.query(`SELECT pg_advisory_xact_lock(hashtextextended('triggers.open:' || $1, 0))`, [model]);
  }

  override async charge(trigger: string, model: string, runnerSeconds: number, at: Date): Promise<void> {
    await this.db.query(
      `INSERT INTO triggers.charge AS known (trigger, model, runner_seconds, at) VALUES ($1, $2, $3, $4)
       ON CONFLICT (trigger) DO UPDATE SET runner_seconds = excluded.runner_seconds, at = excluded.at
       WHERE excluded.runner_seconds > known.runner_seconds`,
      [trigger, model, runnerSeconds, at],
    );
  }

  override async spent(model: string, since: Date): Promise<number> {
    const rows = await this.db.query<{ seconds: number | null }>(
      'SELECT sum(runner_seconds) AS seconds FROM triggers.charge WHERE model = $1 AND at >= $2',
      [model, since],
    );
    return rows[0]?.seconds ?? 0;
  }
}
