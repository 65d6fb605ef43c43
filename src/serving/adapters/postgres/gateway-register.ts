import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/postgres/index.js';
import type { GatewayArm } from '../../domain/pinned-arm.js';
import { GatewayRegister } from '../../ports.js';

@Injectable()
export class PostgresGatewayRegister extends GatewayRegister {
  constructor(private readonly db: Database) {
    super();
  }

  async report(instance: string, epochs: ReadonlyMap<string, number>, arm: GatewayArm = 'split'): Promise<void> {
    // What a killed gateway left behind goes too: it was last heard of long ago.
    await this.db.query(
      `WITH gone AS (
         DELETE FROM serving.gateway
         WHERE (instance = $1 AND model <> ALL ($2::text[])) OR seen_at < clock_timestamp() - interval '1 hour')
       INSERT INTO serving.gateway AS g (instance, model, epoch, arm, in_force_at, seen_at)
       SELECT $1, model, epoch, $4, clock_timestamp(), clock_timestamp() FROM unnest($2::text[], $3::int[]) AS now (model, epoch)
       ON CONFLICT (instance, model) DO UPDATE SET
         epoch = excluded.epoch, arm = excluded.arm, seen_at = excluded.seen_at,
         in_force_at = CASE WHEN g.epoch = excluded.epoch THEN g.in_force_at ELSE excluded.in_force_at END`,
      [instance, [...epochs.keys()], [...epochs.values()], arm],
    );
  }

  async leave(instance: string): Promise<void> {
    await this.db.query('DELETE FROM serving.gateway WHERE instance = $1', [instance]);
  }
}
