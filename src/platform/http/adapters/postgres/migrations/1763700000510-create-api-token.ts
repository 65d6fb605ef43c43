import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateApiToken1763700000510 implements MigrationInterface {
  readonly name = 'CreateApiToken1763700000510';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS platform');
    await runner.query(`CREATE TABLE platform.api_token (
      id text NOT NULL PRIMARY KEY,
      name text NOT NULL,
      role text NOT NULL,
      hash bytea NOT NULL,
      created_at timestamptz NOT NULL,
      expires_at timestamptz,
      last_used_at timestamptz,
      revoked_at timestamptz)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE platform.api_token');
  }
}
