import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The drift monitors keep other state than before. What was learned of the running champion periods is read anew from their
 * windows; baselines stay.
 */
export class RestartDriftTests1763700410000 implements MigrationInterface {
  readonly name = 'RestartDriftTests1763700410000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM monitors.detector WHERE monitor = 'windows'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await this.up(runner);
  }
}
