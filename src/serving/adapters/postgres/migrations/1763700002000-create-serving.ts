import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateServing1763700002000 implements MigrationInterface {
  readonly name = 'CreateServing1763700002000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS serving');
    await runner.query(`CREATE TABLE serving.route (
      model text NOT NULL PRIMARY KEY,
      stable text NOT NULL,
      candidate text,
      weight double precision NOT NULL,
      mirror text,
      mirror_fraction double precision NOT NULL,
      salt text NOT NULL,
      epoch integer NOT NULL,
      confirm_by timestamptz)`);
    await runner.query(`CREATE TABLE serving.gateway (
      instance text NOT NULL,
      model text NOT NULL,
      epoch integer NOT NULL,
      in_force_at timestamptz NOT NULL,
      seen_at timestamptz NOT NULL,
      CONSTRAINT "PK_gateway" PRIMARY KEY (instance, model))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE serving.gateway');
    await runner.query('DROP TABLE serving.route');
  }
}
