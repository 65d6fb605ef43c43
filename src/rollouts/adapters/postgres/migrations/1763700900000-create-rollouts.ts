import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AGGREGATE_COLUMNS } from '../../../../platform/postgres/index.js';

export class CreateRollouts1763700900000 implements MigrationInterface {
  readonly name = 'CreateRollouts1763700900000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS rollouts');
    await runner.query(`CREATE TABLE rollouts.rollout (${AGGREGATE_COLUMNS})`);
    await runner.query('CREATE INDEX rollout_model ON rollouts.rollout (model, created_at)');
    await runner.query(`CREATE TABLE rollouts.request (
      rollout text NOT NULL PRIMARY KEY,
      verb text NOT NULL,
      requested_by text NOT NULL,
      reason text NOT NULL)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA rollouts CASCADE');
  }
}
