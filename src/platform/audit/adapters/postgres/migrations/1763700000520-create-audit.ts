import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAudit1763700000520 implements MigrationInterface {
  readonly name = 'CreateAudit1763700000520';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS platform');
    await runner.query(`CREATE TABLE platform.audit_entry (
      seq bigint NOT NULL PRIMARY KEY,
      at timestamptz NOT NULL,
      actor text NOT NULL,
      role text NOT NULL,
      action text NOT NULL,
      subject text NOT NULL,
      reason text NOT NULL,
      detail jsonb NOT NULL,
      prev_hash bytea NOT NULL,
      hash bytea NOT NULL)`);
    await runner.query(`CREATE TABLE platform.audit_head (
      one boolean NOT NULL PRIMARY KEY,
      seq bigint NOT NULL,
      hash bytea NOT NULL)`);
    await runner.query(`INSERT INTO platform.audit_head VALUES (true, 0, decode(repeat('00', 32), 'hex'))`);
    await runner.query(`CREATE FUNCTION platform.refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'The audit log is append-only.' USING ERRCODE = 'insufficient_privilege'; END $$`);
    await runner.query(`CREATE TRIGGER audit_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON platform.audit_entry
      FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_audit_change()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE platform.audit_head');
    await runner.query('DROP TABLE platform.audit_entry');
    await runner.query('DROP FUNCTION platform.refuse_audit_change()');
  }
}
