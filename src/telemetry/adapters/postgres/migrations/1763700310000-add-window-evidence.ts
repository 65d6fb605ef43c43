import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Moments, agreement and coverage of a window; `served` is added to by whoever counts what the data plane answered. */
export class AddWindowEvidence1763700310000 implements MigrationInterface {
  readonly name = 'AddWindowEvidence1763700310000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE telemetry."window"
      ADD COLUMN moments jsonb NOT NULL DEFAULT '{}', ADD COLUMN compared bigint NOT NULL DEFAULT 0,
      ADD COLUMN agreed bigint NOT NULL DEFAULT 0, ADD COLUMN served bigint`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward.');
  }
}
