import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateAttemptExchange1763700600200 implements MigrationInterface {
  readonly name = 'CreateAttemptExchange1763700600200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE jobs.attempt (
      name text NOT NULL PRIMARY KEY,
      document jsonb NOT NULL,
      token_hash bytea,
      opened_at timestamptz NOT NULL,
      unused_until timestamptz NOT NULL,
      first_used_at timestamptz,
      expires_at timestamptz,
      closed_at timestamptz,
      heartbeat_at timestamptz,
      progress jsonb,
      log_tail text NOT NULL,
      output_bytes bigint NOT NULL,
      report bytea,
      exit_code integer,
      error text,
      ended_at timestamptz)`);
    await runner.query('CREATE UNIQUE INDEX attempt_by_token ON jobs.attempt (token_hash)');
    await runner.query(`CREATE TABLE jobs.attempt_part (
      attempt text NOT NULL,
      digest text NOT NULL,
      size_bytes bigint NOT NULL,
      PRIMARY KEY (attempt, digest))`);
    await runner.query(`CREATE TABLE jobs.attempt_file (
      attempt text NOT NULL,
      file text NOT NULL,
      digest text NOT NULL,
      size_bytes bigint NOT NULL,
      PRIMARY KEY (attempt, file))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE jobs.attempt_file');
    await runner.query('DROP TABLE jobs.attempt_part');
    await runner.query('DROP TABLE jobs.attempt');
  }
}
