import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import { type RolloutRequest, RolloutRequests, type RolloutVerb } from '../../ports.js';

@Injectable()
export class PostgresRolloutRequests extends RolloutRequests {
  constructor(private readonly db: Database) {
    super();
  }

  override async put(rollout: string, request: RolloutRequest): Promise<void> {
    await this.db.query(
      `INSERT INTO rollouts.request (rollout, verb, requested_by, reason) VALUES ($1, $2, $3, $4)
       ON CONFLICT (rollout) DO UPDATE
       SET verb = EXCLUDED.verb, requested_by = EXCLUDED.requested_by, reason = EXCLUDED.reason
       WHERE rollouts.request.verb <> 'abort'`,
      [rollout, request.verb, request.by, request.reason],
    );
  }

  override async find(rollout: string): Promise<RolloutRequest | null> {
    const rows = await this.db.query<RolloutRequest>(
      'SELECT verb, requested_by AS "by", reason FROM rollouts.request WHERE rollout = $1',
      [rollout],
    );
    return rows[0] ?? null;
  }

  override async clear(rollout: string, verb: Exclude<RolloutVerb, 'abort'>): Promise<void> {
    await this.db.query('DELETE FROM rollouts.request WHERE rollout = $1 AND verb = $2', [rollout, verb]);
  }

  override async lock(rollout: string): Promise<void> {
    if (!this.db.inTransaction) throw new Error('The lock ends with its unit of work, and there is none.');
    await this.db.query('SELECT 1 FROM rollouts.rollout WHERE id = $1 FOR UPDATE', [rollout]);
  }
}
