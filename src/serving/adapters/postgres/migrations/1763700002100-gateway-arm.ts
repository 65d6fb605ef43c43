import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What each gateway is pinned to; the ones before could only split. */
export class GatewayArm1763700002100 implements MigrationInterface {
  readonly name = 'GatewayArm1763700002100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE serving.gateway ADD COLUMN arm text NOT NULL DEFAULT 'split'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE serving.gateway DROP COLUMN arm');
  }
}
