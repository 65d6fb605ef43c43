import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which request key came to which arm, where a route asks for that to be recorded. */
export class Exposures1763700002200 implements MigrationInterface {
  readonly name = 'Exposures1763700002200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE serving.route ADD COLUMN exposures boolean NOT NULL DEFAULT false');
    await runner.query(`CREATE TABLE serving.exposure (
      salt text NOT NULL, key_hash text NOT NULL, arm text NOT NULL, at timestamptz NOT NULL,
      crossed boolean NOT NULL DEFAULT false,
      PRIMARY KEY (salt, key_hash))`);
    await runner.query('CREATE INDEX exposure_by_arm ON serving.exposure (salt, arm, crossed)');
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward.');
  }
}
