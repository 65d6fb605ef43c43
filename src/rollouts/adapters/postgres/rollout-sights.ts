import { Injectable } from '@nestjs/common';
import { Database, reviveDates } from '../../../platform/postgres/index.js';
import { type RolloutSight, RolloutSights } from '../../ports.js';

@Injectable()
export class PostgresRolloutSights extends RolloutSights {
  constructor(private readonly db: Database) {
    super();
  }

  override async put(rollout: string, sight: RolloutSight): Promise<void> {
    await this.db.query(
      `INSERT INTO rollouts.sight
         (rollout, at, readings, confirm_by, actual_reason, router_error, closing_attempts)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (rollout) DO UPDATE SET at = EXCLUDED.at, readings = EXCLUDED.readings,
         confirm_by = EXCLUDED.confirm_by, actual_reason = EXCLUDED.actual_reason,
         router_error = EXCLUDED.router_error, closing_attempts = EXCLUDED.closing_attempts`,
      [
        ...[rollout, sight.at, JSON.stringify(sight.readings), sight.confirmBy],
        ...[sight.actualReason, sight.routerError, sight.closingAttempts],
      ],
    );
  }

  override async find(rollout: string): Promise<RolloutSight | null> {
    const [row] = await this.db.query<RolloutSight>(
      `SELECT at, readings, confirm_by AS "confirmBy", actual_reason AS "actualReason",
         router_error AS "routerError", closing_attempts AS "closingAttempts"
       FROM rollouts.sight WHERE rollout = $1`,
      [rollout],
    );
    if (row === undefined) return null;
    return { ...row, readings: reviveDates(row.readings) as RolloutSight['readings'] };
  }
}
