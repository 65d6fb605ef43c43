import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { RemedyOutcome } from '../../domain/remedy-outcome.js';
import { nameOfRemedy, type Remedy } from '../../domain/remedy.js';
import type { Achievement, Cause } from '../../domain/trigger.js';
import { OutcomeHistory } from '../../ports.js';

const MOST = 5_000;

interface Row {
  readonly trigger: string;
  readonly model: string;
  readonly cause: Cause;
  readonly remedy: Remedy;
  readonly outcome: RemedyOutcome['outcome'];
  readonly at: Date;
  readonly runnerSeconds: number;
  readonly gpuSeconds: number;
  readonly achieved: Achievement | null;
}

@Injectable()
export class PostgresOutcomeHistory extends OutcomeHistory {
  constructor(private readonly db: Database) {
    super();
  }

  override async list(since: Date): Promise<RemedyOutcome[]> {
    const rows = await this.db.query<Row>(
      `SELECT t.id AS trigger, t.model, t.spec->>'cause' AS cause, t.spec->'remedy' AS remedy,
              t.status->>'outcome' AS outcome, (t.status->>'at')::timestamptz AS at,
              coalesce(c.runner_seconds, 0) AS "runnerSeconds", coalesce(c.gpu_seconds, 0) AS "gpuSeconds",
              t.status->'achieved' AS achieved
       FROM triggers.trigger t LEFT JOIN triggers.charge c ON c.trigger = t.id
       WHERE t.phase = 'Resolved' AND t.updated_at >= $1 AND t.status->>'outcome' <> 'cancelled'
       ORDER BY t.updated_at DESC, t.id DESC LIMIT ${MOST}`,
      [since],
    );
    return rows.map(({ remedy, achieved, ...row }) => ({
      ...row,
      remedy: nameOfRemedy(remedy),
      figures: achieved?.figures ?? null,
    }));
  }
}
