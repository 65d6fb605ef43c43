import { Injectable } from '@nestjs/common';
import type { Digest } from '../../../kernel/index.js';
import { Database } from '../../../platform/postgres/index.js';
import type { OutputPair } from '../../domain/output-pair.js';
import { OutputPairStore } from '../../ports.js';

@Injectable()
export class PostgresOutputPairStore extends OutputPairStore {
  constructor(private readonly db: Database) {
    super();
  }

  override after(model: string, version: Digest, shadow: Digest, after: number, limit: number): Promise<OutputPair[]> {
    return this.db.query<OutputPair>(
      `SELECT sequence::float8 AS sequence, request_id AS "requestId", at, output, shadow FROM telemetry.output_pair
       WHERE model = $1 AND version = $2 AND shadow_version = $3 AND sequence > $4 ORDER BY output_pair.sequence LIMIT $5`,
      [model, version, shadow, after, limit],
    );
  }
}
