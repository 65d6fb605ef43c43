import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AGGREGATE_COLUMNS } from '../../../../platform/postgres/index.js';

export class CreateExperiments1763700800000 implements MigrationInterface {
  readonly name = 'CreateExperiments1763700800000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS experiments');
    await runner.query(`CREATE TABLE experiments.experiment (${AGGREGATE_COLUMNS})`);
    await runner.query('CREATE INDEX experiment_by_model ON experiments.experiment (model, created_at)');
    await runner.query('CREATE INDEX experiment_by_phase ON experiments.experiment (phase)');
    await runner.query(`CREATE TABLE experiments.entered_pair (
      experiment text NOT NULL,
      position integer NOT NULL,
      request_id text NOT NULL,
      at timestamptz NOT NULL,
      difference smallint NOT NULL,
      truth text NOT NULL,
      PRIMARY KEY (experiment, position))`);
    await runner.query('CREATE UNIQUE INDEX entered_pair_once ON experiments.entered_pair (experiment, request_id)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE experiments.entered_pair');
    await runner.query('DROP TABLE experiments.experiment');
  }
}
