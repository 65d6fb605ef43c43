import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { RescoredSample, RescoreTally, Watch } from '../../domain/watch.js';
import { RescoreLedger } from '../../ports.js';

/** Rows of one watch; `$1`–`$4` are `parameters(watch)`. */
const OF_WATCH = 'model = $1 AND version = $2 AND reference = $3 AND at >= $4';
const COLUMNS = `request_id AS "requestId", sequence::float8 AS sequence, at, champion_prediction AS champion,
  reference_prediction AS reference`;

const parameters = ({ model, version, reference, since }: Watch): unknown[] => [model, version, reference, since];

@Injectable()
export class PostgresRescoreLedger extends RescoreLedger {
  constructor(private readonly db: Database) {
    super();
  }

  override async newestSequence({ model, version, reference }: Watch): Promise<number> {
    const rows = await this.db.query<{ newest: number | null }>(
      'SELECT max(sequence)::float8 AS newest FROM monitors.rescore WHERE model = $1 AND version = $2 AND reference = $3',
      [model, version, reference],
    );
    return rows[0]?.newest ?? 0;
  }

  override async add({ model, version, reference }: Watch, rows: readonly RescoredSample[]): Promise<void> {
    await this.db.query(
      `INSERT INTO monitors.rescore
         (model, version, reference, request_id, sequence, at, champion_prediction, reference_prediction)
       SELECT $1, $2, $3, * FROM unnest($4::text[], $5::bigint[], $6::timestamptz[], $7::float8[], $8::float8[])
       ON CONFLICT DO NOTHING`,
      [
        ...[model, version, reference],
        rows.map((row) => row.requestId),
        rows.map((row) => row.sequence),
        rows.map((row) => row.at.toISOString()),
        rows.map((row) => row.champion),
        rows.map((row) => row.reference),
      ],
    );
  }

  override async unlabelled(watch: Watch, since: Date, limit: number): Promise<string[]> {
    const rows = await this.db.query<{ id: string }>(
      `SELECT request_id AS id FROM monitors.rescore
       WHERE ${OF_WATCH} AND at >= $5 AND label_sequence IS NULL ORDER BY at DESC LIMIT $6`,
      [...parameters(watch), since, limit],
    );
    return rows.map((row) => row.id);
  }

  override async label({ model, version, reference }: Watch, labels: ReadonlyMap<string, number>): Promise<void> {
    await this.db.query(
      `UPDATE monitors.rescore SET label = arrived.label, label_sequence = nextval('monitors.label_sequence')
       FROM unnest($4::text[], $5::float8[]) AS arrived (id, label)
       WHERE model = $1 AND version = $2 AND reference = $3 AND request_id = arrived.id AND label_sequence IS NULL`,
      [model, version, reference, [...labels.keys()], [...labels.values()]],
    );
  }

  override comparedAfter(watch: Watch, after: number, limit: number): Promise<RescoredSample[]> {
    return this.db.query(
      `SELECT ${COLUMNS} FROM monitors.rescore WHERE ${OF_WATCH} AND sequence > $5 ORDER BY sequence LIMIT $6`,
      [...parameters(watch), after, limit],
    );
  }

  override labelledAfter(
    watch: Watch,
    after: number,
    limit: number,
  ): Promise<(RescoredSample & { readonly label: number; readonly labelSequence: number })[]> {
    return this.db.query(
      `SELECT ${COLUMNS}, label, label_sequence::float8 AS "labelSequence" FROM monitors.rescore
       WHERE ${OF_WATCH} AND label_sequence > $5 ORDER BY label_sequence LIMIT $6`,
      [...parameters(watch), after, limit],
    );
  }

  override async tally(watch: Watch, since: Date): Promise<RescoreTally> {
    const rows = await this.db.query<RescoreTally>(
      `SELECT count(*)::int AS compared,
         (count(*) FILTER (WHERE champion_prediction <> reference_prediction))::int AS disagreements,
         count(label)::int AS labelled,
         (count(*) FILTER (WHERE champion_prediction <> label))::int AS "championErrors",
         (count(*) FILTER (WHERE reference_prediction <> label))::int AS "referenceErrors"
       FROM monitors.rescore WHERE ${OF_WATCH} AND at >= $5`,
      [...parameters(watch), since],
    );
    return rows[0] ?? { compared: 0, disagreements: 0, labelled: 0, championErrors: 0, referenceErrors: 0 };
  }

  override async forget(model: string, before: Date): Promise<void> {
    await this.db.query('DELETE FROM monitors.rescore WHERE model = $1 AND at < $2', [model, before]);
  }
}
