import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateIdempotencyKey1763700000530 implements MigrationInterface {
  readonly name = 'CreateIdempotencyKey1763700000530';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE platform.idempotency_key (
      actor text NOT NULL,
      key text NOT NULL,
      hash text NOT NULL,
      status integer NOT NULL,
      body text,
      at timestamptz NOT NULL,
      PRIMARY KEY (actor, key))`);
    await runner.query('CREATE INDEX idempotency_key_at ON platform.idempotency_key (at)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE platform.idempotency_key');
  }
}
