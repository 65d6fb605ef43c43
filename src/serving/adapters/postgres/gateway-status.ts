import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { GatewayArm } from '../../domain/pinned-arm.js';
import { GatewayStatus } from '../../ports.js';

/** By the database's clock, so that no gateway's own clock matters. */
@Injectable()
export class PostgresGatewayStatus extends GatewayStatus {
  constructor(private readonly db: Database) {
    super();
  }

  async epochInForce(model: string, arm?: GatewayArm): Promise<number | null> {
    const rows = await this.db.query<{ epoch: number | null }>(
      `SELECT min(epoch) AS epoch FROM serving.gateway
       WHERE model = $1 AND seen_at > clock_timestamp() - interval '5 seconds' AND ($2::text IS NULL OR arm = $2)`,
      [model, arm ?? null],
    );
    return rows[0]?.epoch ?? null;
  }
}
