import type { MigrationInterface, QueryRunner } from 'typeorm';

/** One row a model that somebody wants more re-scored samples of. */
export class AddEvidenceRequests1763700415000 implements MigrationInterface {
  readonly name = 'AddEvidenceRequests1763700415000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE monitors.evidence_request (
        model text PRIMARY KEY,
        samples integer NOT NULL,
        reason text NOT NULL,
        until timestamptz NOT NULL
      )`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward.');
  }
}
