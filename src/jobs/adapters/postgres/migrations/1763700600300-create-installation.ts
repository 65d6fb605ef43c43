import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateInstallation1763700600300 implements MigrationInterface {
  readonly name = 'CreateInstallation1763700600300';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE TABLE jobs.installation (
      "only" boolean PRIMARY KEY DEFAULT true CHECK ("only"),
      id uuid NOT NULL
    )`);
    await runner.query('INSERT INTO jobs.installation (id) VALUES (gen_random_uuid())');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE jobs.installation');
  }
}
