import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { TriggerCharge } from '../../domain/trigger-budget.js';
import { TriggerLedger } from '../../ports.js';

const COLUMNS = 'trigger, runner_seconds AS "runnerSeconds", gpu_seconds AS "gpuSeconds", at';

@Injectable()
export class PostgresTriggerLedger extends TriggerLedger {
  constructor(private readonly db: Database) {
    super();
  }

  override async exclusively(model: string): Promise<void> {
    if (!this.db.inTransaction) throw new Error('The lock ends with its unit of work, and there is none.');
    await this.db.query(`SELECT pg_advisory_xact_lock(hashtextextended('triggers.open:' || $1, 0))`, [model]);
  }

  override async charge(model: string, { trigger, runnerSeconds, gpuSeconds, at }: TriggerCharge): Promise<void> {
    await this.db.query(
      `INSERT INTO triggers.charge AS known (trigger, model, runner_seconds, gpu_seconds, at) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (trigger) DO UPDATE SET
         runner_seconds = greatest(known.runner_seconds, excluded.runner_seconds),
         gpu_seconds = greatest(known.gpu_seconds, excluded.gpu_seconds),
         at = excluded.at
       WHERE excluded.runner_seconds > known.runner_seconds OR excluded.gpu_seconds > known.gpu_seconds`,
      [trigger, model, runnerSeconds, gpuSeconds, at],
    );
  }

  override charges(model: string, since: Date): Promise<TriggerCharge[]> {
    return this.db.query<TriggerCharge>(
      `SELECT ${COLUMNS} FROM triggers.charge WHERE model = $1 AND at >= $2 ORDER BY at`,
      [model, since],
    );
  }

  override async chargeOf(trigger: string): Promise<TriggerCharge | null> {
    const rows = await this.db.query<TriggerCharge>(`SELECT ${COLUMNS} FROM triggers.charge WHERE trigger = $1`, [
      trigger,
    ]);
    return rows[0] ?? null;
  }
}
