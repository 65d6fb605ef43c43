import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AGGREGATE_COLUMNS } from '../../../../platform/postgres/index.js';

export class CreateTriggers1763700500000 implements MigrationInterface {
  readonly name = 'CreateTriggers1763700500000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS triggers');
    await runner.query(`CREATE TABLE triggers.trigger (${AGGREGATE_COLUMNS})`);
    await runner.query('CREATE INDEX trigger_by_model ON triggers.trigger (model, created_at)');
    // The promise of one open trigger a model, whatever the program does.
    await runner.query(`CREATE UNIQUE INDEX trigger_open ON triggers.trigger (model) WHERE phase = 'Open'`);
    await runner.query(`
      CREATE TABLE triggers.decision (
        number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        model text NOT NULL,
        at timestamptz NOT NULL,
        action text NOT NULL,
        cause text NOT NULL,
        reasons jsonb NOT NULL,
        trigger text
      )`);
    await runner.query('CREATE INDEX decision_by_model ON triggers.decision (model, number)');
    await runner.query(`
      CREATE TABLE triggers.charge (
        trigger text NOT NULL PRIMARY KEY,
        model text NOT NULL,
        runner_seconds double precision NOT NULL,
        at timestamptz NOT NULL
      )`);
    await runner.query('CREATE INDEX charge_by_model ON triggers.charge (model, at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['charge', 'decision', 'trigger']) await runner.query(`DROP TABLE triggers.${table}`);
  }
}
