import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateDecisions1763700901000 implements MigrationInterface {
  readonly name = 'CreateDecisions1763700901000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE rollouts.decision (
      rollout text NOT NULL,
      seq integer NOT NULL,
      at timestamptz NOT NULL,
      before jsonb NOT NULL,
      observation jsonb,
      decision jsonb NOT NULL,
      policy text NOT NULL,
      functions text NOT NULL,
      PRIMARY KEY (rollout, seq))`);
    await runner.query('CREATE INDEX decision_at ON rollouts.decision (at)');
    await runner.query(`CREATE TABLE rollouts.sight (
      rollout text NOT NULL PRIMARY KEY,
      at timestamptz NOT NULL,
      readings jsonb NOT NULL,
      confirm_by timestamptz,
      actual_reason text,
      router_error text,
      closing_attempts integer NOT NULL)`);
    await runner.query('CREATE INDEX rollout_phase ON rollouts.rollout (phase)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX rollouts.rollout_phase');
    await runner.query('DROP TABLE rollouts.sight');
    await runner.query('DROP TABLE rollouts.decision');
  }
}
