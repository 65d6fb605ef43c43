import type { MigrationInterface, QueryRunner } from 'typeorm';

/** GPU time beside runner time; which row decided, until when, and what evidence was asked for. */
export class LearnFromOutcomes1763700510000 implements MigrationInterface {
  readonly name = 'LearnFromOutcomes1763700510000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE triggers.charge ADD COLUMN gpu_seconds double precision NOT NULL DEFAULT 0');
    await runner.query(
      'ALTER TABLE triggers.decision ADD COLUMN table_row text, ADD COLUMN until timestamptz, ADD COLUMN evidence jsonb',
    );
    // Outcomes of all models are read by time.
    await runner.query(`CREATE INDEX trigger_resolved ON triggers.trigger (updated_at) WHERE phase = 'Resolved'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX triggers.trigger_resolved');
    await runner.query('ALTER TABLE triggers.decision DROP COLUMN table_row, DROP COLUMN until, DROP COLUMN evidence');
    await runner.query('ALTER TABLE triggers.charge DROP COLUMN gpu_seconds');
  }
}
