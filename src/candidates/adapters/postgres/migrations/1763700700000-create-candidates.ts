import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AGGREGATE_COLUMNS } from '../../../../platform/postgres/index.js';

export class CreateCandidates1763700700000 implements MigrationInterface {
  readonly name = 'CreateCandidates1763700700000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS candidates');
    await runner.query(`CREATE TABLE candidates.candidate (${AGGREGATE_COLUMNS})`);
    await runner.query('CREATE INDEX candidate_by_model ON candidates.candidate (model, created_at)');
    await runner.query('CREATE INDEX candidate_by_phase ON candidates.candidate (phase)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE candidates.candidate');
  }
}
