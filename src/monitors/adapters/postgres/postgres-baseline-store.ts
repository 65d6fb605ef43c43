import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { Watch } from '../../domain/watch.js';
import { type Baseline, BaselineStore } from '../../ports.js';

@Injectable()
export class PostgresBaselineStore extends BaselineStore {
  constructor(private readonly db: Database) {
    super();
  }

  override async find({ model, version, since }: Watch): Promise<Baseline | null> {
    const rows = await this.db.query<Baseline>(
      'SELECT inputs, predictions, until FROM monitors.baseline WHERE model = $1 AND version = $2 AND since = $3',
      [model, version, since],
    );
    return rows[0] ?? null;
  }

  override async freeze({ model, version, since }: Watch, baseline: Baseline): Promise<void> {
    await this.db.query(
      `INSERT INTO monitors.baseline (model, version, since, inputs, predictions, until) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT DO NOTHING`,
      [model, version, since, JSON.stringify(baseline.inputs), JSON.stringify(baseline.predictions), baseline.until],
    );
  }
}
