import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Windows are stored as one compact value, `state`; rows written before keep their JSON columns until something is added
 * to them. Which share of a model's answers is kept one by one is known to all processes. An answer that is no
 * single number counts as one.
 */
export class WindowStateAndAnswerShare1763700330000 implements MigrationInterface {
  readonly name = 'WindowStateAndAnswerShare1763700330000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE telemetry."window" ADD COLUMN state bytea,
      ALTER COLUMN latency DROP NOT NULL, ALTER COLUMN features DROP NOT NULL, ALTER COLUMN predictions DROP NOT NULL,
      ALTER COLUMN confidence DROP NOT NULL, ALTER COLUMN moments DROP NOT NULL, ALTER COLUMN moments DROP DEFAULT`);
    // A window is rewritten many times while it fills; its row stays on its page when there is room.
    await queryRunner.query(`ALTER TABLE telemetry."window" SET (fillfactor = 60)`);
    await queryRunner.query(`CREATE TABLE telemetry.answer_share (
      model text PRIMARY KEY, level integer NOT NULL, slot bigint NOT NULL, seen bigint NOT NULL, past jsonb NOT NULL)`);
    await queryRunner.query('ALTER TABLE telemetry.answer ADD COLUMN has_output boolean NOT NULL DEFAULT false');
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward.');
  }
}
