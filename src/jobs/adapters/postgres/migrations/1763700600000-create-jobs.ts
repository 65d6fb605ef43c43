import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AGGREGATE_COLUMNS } from '../../../../platform/postgres/index.js';

export class CreateJobs1763700600000 implements MigrationInterface {
  readonly name = 'CreateJobs1763700600000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS jobs');
    await runner.query(`CREATE TABLE jobs.job (${AGGREGATE_COLUMNS})`);
    await runner.query('CREATE INDEX job_by_model ON jobs.job (model, created_at)');
    await runner.query('CREATE INDEX job_by_phase ON jobs.job (phase)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE jobs.job');
  }
}
