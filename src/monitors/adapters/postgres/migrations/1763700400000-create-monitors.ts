import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateMonitors1763700400000 implements MigrationInterface {
  readonly name = 'CreateMonitors1763700400000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS monitors');
    await runner.query(`
      CREATE TABLE monitors.finding (
        model text NOT NULL,
        version text NOT NULL,
        monitor text NOT NULL,
        state text NOT NULL,
        since timestamptz NOT NULL,
        observed_at timestamptz NOT NULL,
        change_at timestamptz,
        detail jsonb NOT NULL,
        PRIMARY KEY (model, version, monitor)
      )`);
    await runner.query(`
      CREATE TABLE monitors.detector (
        model text NOT NULL,
        version text NOT NULL,
        since timestamptz NOT NULL,
        monitor text NOT NULL,
        state jsonb NOT NULL,
        cursor bigint NOT NULL,
        PRIMARY KEY (model, version, since, monitor)
      )`);
    await runner.query(`
      CREATE TABLE monitors.baseline (
        model text NOT NULL,
        version text NOT NULL,
        since timestamptz NOT NULL,
        inputs jsonb NOT NULL,
        predictions jsonb NOT NULL,
        until timestamptz NOT NULL,
        PRIMARY KEY (model, version, since)
      )`);
    await runner.query('CREATE SEQUENCE monitors.label_sequence');
    await runner.query(`
      CREATE TABLE monitors.rescore (
        model text NOT NULL,
        version text NOT NULL,
        reference text NOT NULL,
        request_id text NOT NULL,
        sequence bigint NOT NULL,
        at timestamptz NOT NULL,
        champion_prediction double precision NOT NULL,
        reference_prediction double precision NOT NULL,
        label double precision,
        label_sequence bigint,
        PRIMARY KEY (model, version, reference, request_id)
      )`);
    await runner.query('CREATE INDEX rescore_by_sequence ON monitors.rescore (model, version, reference, sequence)');
    await runner.query(
      'CREATE INDEX rescore_by_label ON monitors.rescore (model, version, reference, label_sequence) WHERE label_sequence IS NOT NULL',
    );
    await runner.query('CREATE INDEX rescore_by_time ON monitors.rescore (model, at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    for (const table of ['rescore', 'baseline', 'detector', 'finding'])
      await runner.query(`DROP TABLE monitors.${table}`);
    await runner.query('DROP SEQUENCE monitors.label_sequence');
  }
}
