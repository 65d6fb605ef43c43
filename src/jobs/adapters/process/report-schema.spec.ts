import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { errorSchema, progressSchema, reportSchema } from './report-schema.js';

const EXAMPLES = resolve(import.meta.dirname, '../../../../gpu-runners/schemas/examples');
const read = (file: string): unknown => JSON.parse(readFileSync(join(EXAMPLES, file), 'utf8'));
const reports = readdirSync(EXAMPLES).filter((file) => file.startsWith('report.'));

describe("the runner's documents", () => {
  it('has golden reports to agree on', () => {
    expect(reports.length).toBeGreaterThanOrEqual(2);
  });

  it.each(reports)('understands the golden report %s as it is', (file) => {
    expect(reportSchema.parse(read(file))).toEqual(read(file));
  });

  it.each<[string, (report: Record<string, unknown>) => void]>([
    ['a field that nobody knows', (report) => (report['surprise'] = 1)],
    ['a missing field', (report) => delete report['data']],
    ['a digest that is none', (report) => ((report['data'] as Record<string, unknown>)['digest'] = 'sha256:12')],
    ['another schema', (report) => (report['schema'] = 'ratchet.dev/report/v2')],
    ['a negative size', (report) => ((report['artifacts'] as Record<string, unknown>[])[0]!['sizeBytes'] = -1)],
  ])('refuses a report with %s', (_name, spoil) => {
    const report = read('report.candidate.json') as Record<string, unknown>;
    spoil(report);
    expect(reportSchema.safeParse(report).success).toBe(false);
  });

  it('understands the golden progress and error', () => {
    expect(progressSchema.parse(read('progress.json'))).toEqual({
      at: new Date('2026-01-02T03:04:05.678Z'),
      progress: { step: 'calibrate', fraction: 0.4, message: '256 of 512 rows' },
    });
    expect(errorSchema.parse(read('error.json'))).toMatch(
      /^The job document job\.json has 2 faults; limits\.threads: /,
    );
  });
});
