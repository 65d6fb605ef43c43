import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The frozen samples that a version was made from and is judged on. */
export class AddVersionData1763700359000 implements MigrationInterface {
  readonly name = 'AddVersionData1763700359000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('ALTER TABLE models.version ADD COLUMN data jsonb');
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward.');
  }
}
