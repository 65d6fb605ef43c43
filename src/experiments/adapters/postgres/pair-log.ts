import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { EnteredPair } from '../../domain/enter-pairs.js';
import { PairLog } from '../../ports.js';

@Injectable()
export class PostgresPairLog extends PairLog {
  constructor(private readonly db: Database) {
    super();
  }

  override list(experiment: string): Promise<EnteredPair[]> {
    return this.db.query<EnteredPair>(
      `SELECT request_id AS "requestId", at, difference, truth
       FROM experiments.entered_pair WHERE experiment = $1 ORDER BY position`,
      [experiment],
    );
  }

  override async known(experiment: string, requestIds: readonly string[]): Promise<ReadonlySet<string>> {
    if (requestIds.length === 0) return new Set();
    const rows = await this.db.query<{ id: string }>(
      `SELECT request_id AS id FROM experiments.entered_pair WHERE experiment = $1 AND request_id = ANY ($2::text[])`,
      [experiment, requestIds],
    );
    return new Set(rows.map(({ id }) => id));
  }

  override async append(experiment: string, after: number, pairs: readonly EnteredPair[]): Promise<void> {
    if (pairs.length === 0) return;
    await this.db.query(
      `INSERT INTO experiments.entered_pair (experiment, position, request_id, at, difference, truth)
       SELECT $1, $6::integer + ordinality, request_id, at, difference, truth
       FROM unnest($2::text[], $3::timestamptz[], $4::float8[], $5::text[])
         WITH ORDINALITY AS pair (request_id, at, difference, truth, ordinality)`,
      [
        experiment,
        pairs.map((pair) => pair.requestId),
        pairs.map((pair) => pair.at),
        pairs.map((pair) => pair.difference),
        pairs.map((pair) => pair.truth),
        after,
      ],
    );
  }
}
