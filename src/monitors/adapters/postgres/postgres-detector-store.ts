import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { Watch } from '../../domain/watch.js';
import { type DetectorRecord, DetectorStore } from '../../ports.js';

@Injectable()
export class PostgresDetectorStore extends DetectorStore {
  constructor(private readonly db: Database) {
    super();
  }

  override async load({ model, version, since }: Watch): Promise<ReadonlyMap<string, DetectorRecord>> {
    const rows = await this.db.query<{ monitor: string; state: unknown; cursor: number }>(
      `SELECT monitor, state, cursor::float8 AS cursor FROM monitors.detector
       WHERE model = $1 AND version = $2 AND since = $3`,
      [model, version, since],
    );
    return new Map(rows.map(({ monitor, state, cursor }) => [monitor, { state, cursor }]));
  }

  override async save({ model, version, since }: Watch, name: string, record: DetectorRecord): Promise<void> {
    await this.db.query(
      `INSERT INTO monitors.detector (model, version, since, monitor, state, cursor) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (model, version, since, monitor) DO UPDATE SET state = excluded.state, cursor = excluded.cursor`,
      [model, version, since, name, JSON.stringify(record.state), record.cursor],
    );
  }
}
