import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import { type Exposure, type ExposureCount, ExposureLog } from '../../ports.js';

@Injectable()
export class PostgresExposureLog extends ExposureLog {
  constructor(private readonly db: Database) {
    super();
  }

  override async add(exposures: readonly Exposure[]): Promise<void> {
    if (exposures.length === 0) return;
    // One key twice in a statement cannot be updated twice; sorted, so that two gateways cannot lock each other out.
    await this.db.query(
      `INSERT INTO serving.exposure AS known (salt, key_hash, arm, at, crossed)
       SELECT salt, key_hash, min(arm), min(at), min(arm) <> max(arm)
       FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS seen (salt, key_hash, arm, at)
       GROUP BY salt, key_hash ORDER BY salt, key_hash
       ON CONFLICT (salt, key_hash) DO UPDATE SET crossed = true
       WHERE NOT known.crossed AND (known.arm <> excluded.arm OR excluded.crossed)`,
      [
        exposures.map(({ salt }) => salt),
        exposures.map(({ keyHash }) => keyHash),
        exposures.map(({ arm }) => arm),
        exposures.map(({ at }) => at.toISOString()),
      ],
    );
  }

  override async count(salt: string): Promise<ExposureCount> {
    const [row] = await this.db.query<ExposureCount>(
      `SELECT count(*) FILTER (WHERE arm = 'stable')::int AS stable,
              count(*) FILTER (WHERE arm = 'candidate')::int AS candidate,
              count(*) FILTER (WHERE crossed)::int AS crossed
       FROM serving.exposure WHERE salt = $1`,
      [salt],
    );
    return row ?? { stable: 0, candidate: 0, crossed: 0 };
  }

  override async forget(salt: string): Promise<void> {
    await this.db.affected('DELETE FROM serving.exposure WHERE salt = $1', [salt]);
  }
}
