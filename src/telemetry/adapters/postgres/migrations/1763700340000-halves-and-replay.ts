import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Halves of inferences that wait for the other one, as the records they came in; `joined` rows are what is left of pairs,
 * so that a repeated half does not wait again. Dead letters keep what is needed to read them once more.
 */
export class HalvesAndReplay1763700340000 implements MigrationInterface {
  readonly name = 'HalvesAndReplay1763700340000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TABLE telemetry.pending_half (
      model text NOT NULL, half_id text NOT NULL, joined boolean NOT NULL, arrived_at timestamptz NOT NULL,
      topic text, partition integer, format text, "offset" bigint, key bytea, value bytea, headers jsonb,
      logged_at double precision, size_bytes integer NOT NULL, PRIMARY KEY (model, half_id))`);
    await queryRunner.query('ALTER TABLE telemetry.pending_half ALTER COLUMN value SET STORAGE EXTERNAL');
    await queryRunner.query('CREATE INDEX pending_half_by_time ON telemetry.pending_half (model, joined, arrived_at)');
    await queryRunner.query(`CREATE INDEX pending_half_waiting ON telemetry.pending_half (model, arrived_at DESC, half_id)
      INCLUDE (size_bytes) WHERE NOT joined`);
    await queryRunner.query(`ALTER TABLE telemetry.dead_letter
      ADD COLUMN format text NOT NULL DEFAULT 'native', ADD COLUMN headers jsonb NOT NULL DEFAULT '{}',
      ADD COLUMN replayed_at timestamptz, ADD COLUMN replayed_by text`);
    await queryRunner.query('CREATE INDEX dead_letter_by_class ON telemetry.dead_letter (class, id)');
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward.');
  }
}
