import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The sample becomes a reservoir with known chances, and what data planes say they served is kept, told apart by source.
 * Rows that are there already count as part of the uniform stream and leave it as the oldest.
 */
export class SampleReservoirAndServed1763700350000 implements MigrationInterface {
  readonly name = 'SampleReservoirAndServed1763700350000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE telemetry.sample
      ADD COLUMN period bigint NOT NULL DEFAULT 0, ADD COLUMN priority double precision NOT NULL DEFAULT 1,
      ADD COLUMN chance double precision NOT NULL DEFAULT 1, ADD COLUMN uniform boolean NOT NULL DEFAULT true,
      ADD COLUMN holdout boolean NOT NULL DEFAULT false`);
    await queryRunner.query('DROP INDEX telemetry.sample_by_version');
    await queryRunner.query('DROP INDEX telemetry.sample_by_stratum');
    await queryRunner.query(
      'CREATE INDEX sample_by_version ON telemetry.sample (model, version, sequence) WHERE uniform',
    );
    await queryRunner.query('CREATE INDEX sample_by_age ON telemetry.sample (model, sequence) WHERE uniform');
    await queryRunner.query('CREATE INDEX sample_by_cell ON telemetry.sample (model, stratum, period, priority)');
    await queryRunner.query(`CREATE TABLE telemetry.sample_cell (
      model text NOT NULL, stratum text NOT NULL, period bigint NOT NULL,
      threshold double precision NOT NULL, kept integer NOT NULL,
      PRIMARY KEY (model, stratum, period))`);
    await queryRunner.query(`CREATE TABLE telemetry.served (
      model text NOT NULL, version text NOT NULL, at timestamptz NOT NULL, source text NOT NULL,
      seconds double precision NOT NULL, window_seconds integer NOT NULL, requests bigint NOT NULL,
      PRIMARY KEY (model, version, at, source))`);
    await queryRunner.query('CREATE INDEX served_by_time ON telemetry.served (model, at)');
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward.');
  }
}
