import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AGGREGATE_COLUMNS } from '../../../../platform/postgres/index.js';

export class CreateModels1763700100000 implements MigrationInterface {
  readonly name = 'CreateModels1763700100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS models');
    await runner.query(`CREATE TABLE models.model (${AGGREGATE_COLUMNS})`);
    await runner.query(`CREATE TABLE models.version (
      model text NOT NULL,
      digest text NOT NULL,
      kind text NOT NULL,
      parent text,
      reference text NOT NULL,
      recipe text,
      snapshot text,
      job text,
      size_bytes bigint NOT NULL,
      created_at timestamptz NOT NULL,
      PRIMARY KEY (model, digest))`);
    await runner.query(`CREATE TABLE models.champion_period (
      model text NOT NULL,
      number integer NOT NULL,
      champion text NOT NULL,
      reference text NOT NULL,
      since timestamptz NOT NULL,
      until timestamptz,
      promotion text,
      profile jsonb NOT NULL,
      PRIMARY KEY (model, number))`);
    await runner.query(
      'CREATE UNIQUE INDEX champion_period_current ON models.champion_period (model) WHERE until IS NULL',
    );
    await runner.query(
      'CREATE UNIQUE INDEX champion_period_promotion ON models.champion_period (promotion) WHERE promotion IS NOT NULL',
    );
    await runner.query(`CREATE TABLE models.change_lock (
      model text NOT NULL PRIMARY KEY,
      holder text NOT NULL,
      acquired_at timestamptz NOT NULL)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['change_lock', 'champion_period', 'version', 'model'])
      await runner.query(`DROP TABLE models.${table}`);
  }
}
