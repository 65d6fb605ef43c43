import type { MigrationInterface, QueryRunner } from 'typeorm';
import { AGGREGATE_COLUMNS } from '../../../../platform/postgres/index.js';

export class CreatePromotions1763701000000 implements MigrationInterface {
  readonly name = 'CreatePromotions1763701000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS promotions');
    await runner.query(`CREATE TABLE promotions.promotion (${AGGREGATE_COLUMNS})`);
    await runner.query('CREATE INDEX promotion_model ON promotions.promotion (model, created_at)');
    await runner.query(`CREATE TABLE promotions.record (
      id text NOT NULL PRIMARY KEY,
      model text NOT NULL,
      outcome text NOT NULL,
      decided_by text NOT NULL,
      reason text NOT NULL,
      at timestamptz NOT NULL,
      candidate_version text NOT NULL,
      champion text NOT NULL,
      reference text NOT NULL,
      evidence jsonb NOT NULL)`);
    await runner.query('CREATE INDEX record_model ON promotions.record (model, at)');
    await runner.query(`CREATE FUNCTION promotions.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'promotion records and charges are never changed'; END $$`);
    await runner.query(`CREATE TABLE promotions.charge (
      promotion text NOT NULL PRIMARY KEY,
      model text NOT NULL,
      reference text NOT NULL,
      champion text NOT NULL,
      loss double precision NOT NULL,
      at timestamptz NOT NULL)`);
    await runner.query('CREATE INDEX charge_account ON promotions.charge (model, reference)');
    for (const table of ['record', 'charge']) {
      await runner.query(`CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON promotions.${table}
        FOR EACH STATEMENT EXECUTE FUNCTION promotions.refuse_change()`);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP SCHEMA promotions CASCADE');
  }
}
