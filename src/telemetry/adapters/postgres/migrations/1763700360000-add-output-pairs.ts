import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What a version and its shadow answered where that is a series or a text; bounded by rows, age and size. */
export class AddOutputPairs1763700360000 implements MigrationInterface {
  readonly name = 'AddOutputPairs1763700360000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TABLE telemetry.output_pair (
      sequence bigserial PRIMARY KEY, model text NOT NULL, request_id text NOT NULL, version text NOT NULL,
      shadow_version text NOT NULL, at timestamptz NOT NULL, output jsonb NOT NULL, shadow jsonb NOT NULL,
      UNIQUE (model, request_id))`);
    await queryRunner.query(
      'CREATE INDEX output_pair_by_version ON telemetry.output_pair (model, version, shadow_version, sequence)',
    );
    await queryRunner.query('CREATE INDEX output_pair_by_model ON telemetry.output_pair (model, sequence)');
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward.');
  }
}
