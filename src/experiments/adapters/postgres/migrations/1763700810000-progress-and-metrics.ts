import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Tests are folded on from where they stood, differences are any numbers between −1 and 1, and plans name their mode and metrics.
 * Experiments that were planned before become what they were: shadow experiments about quality alone. One that runs at
 * that moment begins its test anew over the pairs that come from now on.
 */
export class ProgressAndMetrics1763700810000 implements MigrationInterface {
  readonly name = 'ProgressAndMetrics1763700810000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE experiments.entered_pair ALTER COLUMN difference TYPE double precision');
    await runner.query(
      'CREATE TABLE experiments.progress (experiment text NOT NULL PRIMARY KEY, progress jsonb NOT NULL)',
    );
    await runner.query(`UPDATE experiments.experiment SET spec = spec || jsonb_build_object(
        'mode', 'shadow', 'weight', 50, 'salt', id, 'plan', NULL,
        'objection', CASE WHEN (spec->>'margin')::float8 <= 0
          THEN 'the quality budget against this reference is used up: no loss is small enough to be tested' END,
        'metrics', jsonb_build_array(jsonb_build_object(
          'name', 'quality', 'kind', 'paired-quality', 'margin', spec->'margin', 'alpha', spec->'alpha', 'disagreement', NULL)))
      WHERE NOT spec ? 'mode'`);
    await runner.query(`UPDATE experiments.experiment
      SET status = jsonb_set(status, '{reading}', (status->'reading') || '{"metrics": [], "exposure": null}')
      WHERE status ? 'reading' AND NOT (status->'reading') ? 'metrics'`);
    await runner.query(`DELETE FROM experiments.entered_pair AS pair USING experiments.experiment AS e
      WHERE e.id = pair.experiment AND e.phase = 'Running'`);
  }

  async down(): Promise<void> {
    throw new Error('Migrations only go forward.');
  }
}
