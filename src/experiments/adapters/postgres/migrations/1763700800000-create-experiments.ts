import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AGGREGATE_COLUMNS } from '../../../../platform/postgres/index.js';

export class CreateExperiments1763700800000 implements MigrationInterface {
  readonly name = 'CreateExperiments1763700800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS experiments');
    await runner.query(`CREATE TABLE experiments.experiment (${AGGREGATE_COLUMNS})`);
    await runner.query('CREATE INDEX experiment_model ON experiments.experiment (model, created_at)');
    await runner.query(`CREATE TABLE experiments.pair (
      experiment text NOT NULL,
      request_id text NOT NULL,
      sequence bigint NOT NULL,
      difference smallint NOT NULL,
      truth text NOT NULL,
      at timestamptz NOT NULL,
      PRIMARY KEY (experiment, request_id))`);
    await runner.query('CREATE UNIQUE INDEX pair_order ON experiments.pair (experiment, sequence)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA experiments CASCADE');
  }
}
