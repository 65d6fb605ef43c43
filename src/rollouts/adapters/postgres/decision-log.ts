import { Injectable } from '@nestjs/common';
import { Clock } from '../../../kernel/index.js';
import { Database, reviveDates } from '../../../platform/postgres/index.js';
import { DecisionLog, type DecisionRecord } from '../../ports.js';

/** Newest decisions of one rollout that are kept. */
const MOST = 1_000;
const KEPT_MS = 90 * 86_400_000;
/** What one append may sweep, so that no pass waits for it. */
const SWEPT = 200;

@Injectable()
export class PostgresDecisionLog extends DecisionLog {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async append(record: DecisionRecord): Promise<void> {
    const { rollout, seq, at, before, observation, decision, policy, functions } = record;
    await this.db.query(
      `INSERT INTO rollouts.decision (rollout, seq, at, before, observation, decision, policy, functions)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (rollout, seq) DO NOTHING`,
      [
        ...[rollout, seq, at, JSON.stringify(before), observation === null ? null : JSON.stringify(observation)],
        ...[JSON.stringify(decision), policy, functions],
      ],
    );
    if (seq > MOST) {
      await this.db.query(
        `DELETE FROM rollouts.decision WHERE rollout = $1 AND seq <=
           (SELECT seq FROM rollouts.decision WHERE rollout = $1 ORDER BY seq DESC OFFSET $2 LIMIT 1)`,
        [rollout, MOST],
      );
    }
    await this.db.query(
      `DELETE FROM rollouts.decision WHERE (rollout, seq) IN
         (SELECT rollout, seq FROM rollouts.decision WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
      [new Date(this.clock.now().getTime() - KEPT_MS), SWEPT],
    );
  }

  override async list(rollout: string, after: number, limit: number): Promise<DecisionRecord[]> {
    const rows = await this.db.query<DecisionRecord>(
      `SELECT rollout, seq, at, before, observation, decision, policy, functions FROM rollouts.decision
       WHERE rollout = $1 AND seq > $2 ORDER BY seq LIMIT $3`,
      [rollout, after, limit],
    );
    return rows.map(({ before, observation, decision, ...row }) => ({
      ...row,
      before: reviveDates(before) as DecisionRecord['before'],
      observation: reviveDates(observation) as DecisionRecord['observation'],
      decision: reviveDates(decision) as DecisionRecord['decision'],
    }));
  }
}
