import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The tables of the stage. Hot ones are written by bulk statements only, never through an entity. */
export class CreateTelemetry1763700300000 implements MigrationInterface {
  readonly name = 'CreateTelemetry1763700300000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE SCHEMA IF NOT EXISTS telemetry');
    await queryRunner.query(`CREATE TABLE telemetry.intake_offset (
      topic text NOT NULL, partition integer NOT NULL, next bigint NOT NULL, epoch bigint NOT NULL,
      PRIMARY KEY (topic, partition))`);
    await queryRunner.query(`CREATE TABLE telemetry."window" (
      model text NOT NULL, version text NOT NULL, start timestamptz NOT NULL, seconds integer NOT NULL,
      requests bigint NOT NULL, errors bigint NOT NULL, latency bytea NOT NULL,
      features jsonb NOT NULL, predictions jsonb NOT NULL, confidence jsonb NOT NULL,
      labelled bigint NOT NULL, correct bigint NOT NULL, newest_at timestamptz NOT NULL,
      PRIMARY KEY (model, version, start, seconds))`);
    await queryRunner.query('CREATE INDEX window_by_time ON telemetry."window" (model, start)');
    await queryRunner.query(`CREATE TABLE telemetry.feature_profile (
      model text NOT NULL, feature text NOT NULL, edges double precision[], pending jsonb NOT NULL,
      PRIMARY KEY (model, feature))`);
    await this.createAnswers(queryRunner);
    await this.createSamples(queryRunner);
    await queryRunner.query(`CREATE TABLE telemetry.dead_letter (
      id bigserial PRIMARY KEY, topic text NOT NULL, partition integer NOT NULL, "offset" bigint, model text,
      class text NOT NULL, detail text NOT NULL, sha256 text NOT NULL, head bytea NOT NULL, size_bytes bigint NOT NULL,
      at timestamptz NOT NULL)`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward.');
  }

  private async createAnswers(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE SEQUENCE telemetry.label_sequence');
    await queryRunner.query(`CREATE TABLE telemetry.answer (
      model text NOT NULL, request_id text NOT NULL, version text NOT NULL, arm text NOT NULL, at timestamptz NOT NULL,
      prediction double precision, confidence double precision,
      shadow_version text, shadow_prediction double precision,
      window_start timestamptz NOT NULL, window_seconds integer NOT NULL,
      label double precision, label_sequence bigint,
      PRIMARY KEY (model, request_id))`);
    await queryRunner.query('CREATE INDEX answer_by_time ON telemetry.answer (model, at)');
    await queryRunner.query(`CREATE INDEX answer_by_label ON telemetry.answer (model, version, label_sequence)
      WHERE label_sequence IS NOT NULL`);
    await queryRunner.query(`CREATE INDEX answer_by_shadow ON telemetry.answer (model, shadow_version, version, at)
      WHERE shadow_version IS NOT NULL`);
    await queryRunner.query(`CREATE TABLE telemetry.pending_label (
      model text NOT NULL, request_id text NOT NULL, label double precision NOT NULL, arrived_at timestamptz NOT NULL,
      arrival bigserial NOT NULL, PRIMARY KEY (model, request_id))`);
    await queryRunner.query('CREATE INDEX pending_label_by_time ON telemetry.pending_label (model, arrived_at)');
  }

  private async createSamples(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TABLE telemetry.sample (
      sequence bigserial PRIMARY KEY, model text NOT NULL, request_id text NOT NULL, version text NOT NULL,
      at timestamptz NOT NULL, input bytea NOT NULL, prediction double precision NOT NULL, confidence double precision,
      label double precision, stratum text NOT NULL, UNIQUE (model, request_id))`);
    await queryRunner.query('ALTER TABLE telemetry.sample ALTER COLUMN input SET STORAGE EXTERNAL');
    await queryRunner.query('CREATE INDEX sample_by_version ON telemetry.sample (model, version, sequence)');
    await queryRunner.query('CREATE INDEX sample_by_stratum ON telemetry.sample (model, stratum, sequence)');
    await queryRunner.query('CREATE INDEX sample_by_time ON telemetry.sample (model, at)');
  }
}
