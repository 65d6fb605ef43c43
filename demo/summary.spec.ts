import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { SCENARIOS, scenariosFor } from './scenarios/index.js';
import type { DemoSummary, ScenarioSummary } from './summary.js';
import { summaryTable } from './table.js';

const schema = JSON.parse(readFileSync(join(import.meta.dirname, 'summary.schema.json'), 'utf8')) as object;
const valid = new Ajv({ strict: false, allErrors: true }).compile(schema);

const scenario = (name: string): ScenarioSummary => ({
  name,
  title: name,
  prelude: false,
  ok: true,
  problems: [],
  cause: 'compression-damage',
  remedy: 'quantize-static',
  requestsToDetection: 640,
  triggers: 1,
  sizeRatio: 0.32,
  speedup: 2.1,
  accuracy: { championBefore: 0.93, championAfter: 0.97, referenceAfter: 0.97 },
  live: { before: 0.97, during: 0.93, after: null },
  traffic: { requests: 4_000, failed: 0, unreachable: 0 },
  seconds: { detection: 4, job: 6, evaluation: 5, experiment: 8, rollout: 9, total: 40 },
  outcome: 'promoted',
  records: ['/api/v1/records/x'],
  killedAt: null,
});
const summary: DemoSummary = {
  schema: 'ratchet.dev/demo-summary/v1',
  ok: true,
  seed: 1,
  seconds: 200,
  reference: { testAccuracy: 0.98, sizeBytes: 342_000, cached: false },
  scenarios: SCENARIOS.map(({ name }) => scenario(name)),
};

describe('the summary', () => {
  it('fulfils its committed schema', () => {
    expect(valid(summary)).toBe(true);
  });

  it.each([
    ['a figure that is not a number', { ...summary, seconds: Number.NaN }],
    ['an unknown scenario', { ...summary, scenarios: [scenario('other')] }],
    ['an accuracy above one', { ...summary, reference: { ...summary.reference, testAccuracy: 98 } }],
    ['a missing field', { schema: summary.schema, ok: true }],
  ])('is refused by the schema with %s', (_, broken) => {
    expect(valid(JSON.parse(JSON.stringify(broken)))).toBe(false);
  });

  it('is told as a table with one column a scenario', () => {
    const table = summaryTable(summary.scenarios);
    expect(table.split('\n')[0]).toMatch(/first-compression +compression-damage +world-changed +bad-candidate/);
    expect(table).toContain('requests to detection');
  });
});

describe('the choice of scenarios', () => {
  it('is all of them in order without a name', () => {
    expect(scenariosFor(undefined).map(({ scenario: chosen }) => chosen.name)).toEqual(
      SCENARIOS.map(({ name }) => name),
    );
  });

  it('plays what a single scenario needs before it', () => {
    expect(scenariosFor('bad-candidate').map(({ scenario: chosen, prelude }) => [chosen.name, prelude])).toEqual([
      ['first-compression', true],
      ['compression-damage', true],
      ['bad-candidate', false],
    ]);
  });

  it('names what there is when a name is unknown', () => {
    expect(() => scenariosFor('nonsense')).toThrow(/first-compression/);
  });
});
