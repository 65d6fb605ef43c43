import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { ScoredPair } from '../../domain/score-pairs.js';
import { PairLog } from '../../ports.js';

/** One experiment is reconciled by one process at a time, so the next sequence needs no lock. */
@Injectable()
export class PostgresPairLog extends PairLog {
  constructor(private readonly db: Database) {
    super();
  }

  override async append(experiment: string, pairs: readonly ScoredPair[]): Promise<void> {
    if (pairs.length === 0) return;
    await this.db.query(
      `INSERT INTO experiments.pair (experiment, request_id, sequence, difference, truth, at)
       SELECT $1, fresh.request_id,
         (SELECT COALESCE(max(sequence), 0) FROM experiments.pair WHERE experiment = $1) + fresh.place,
         fresh.difference, fresh.truth, fresh.at
       FROM unnest($2::text[], $3::smallint[], $4::text[], $5::timestamptz[])
         WITH ORDINALITY AS fresh (request_id, difference, truth, at, place)
       ON CONFLICT (experiment, request_id) DO NOTHING`,
      [
        experiment,
        pairs.map(({ requestId }) => requestId),
        pairs.map(({ difference }) => difference),
        pairs.map(({ truth }) => truth),
        pairs.map(({ at }) => at),
      ],
    );
  }

  override list(experiment: string): Promise<ScoredPair[]> {
    return this.db.query<ScoredPair>(
      `SELECT request_id AS "requestId", difference, truth, at FROM experiments.pair
       WHERE experiment = $1 ORDER BY sequence`,
      [experiment],
    );
  }
}
