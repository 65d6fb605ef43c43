import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { DASHBOARDS } from '../dashboards/index.js';
import { registry } from '../src/platform/observability/index.js';
import { dashboardSchema, panelsOf, queriesOf, syntaxErrors, metricsIn, withVariables } from './support/dashboards.js';

const ROOT = join(import.meta.dirname, '..');
const GENERATED = join(ROOT, 'dashboards/generated');
const write = process.env['WRITE_DOCUMENTS'] === '1';

type Broken = Record<string, unknown> & { templating: { list: { type: string }[] } };

describe('the dashboards', () => {
  let check: ReturnType<typeof dashboardSchema>;
  beforeAll(async () => {
    check = dashboardSchema();
    // Every metric registers itself when its module is loaded.
    for (const file of globSync('src/**/metrics.ts', { cwd: ROOT })) await import(join(ROOT, file));
  }, 120_000);

  it('have one committed file each, and there is none that nobody makes', () => {
    expect(readdirSync(GENERATED).sort()).toEqual(
      Object.keys(DASHBOARDS)
        .map((name) => `${name}.json`)
        .sort(),
    );
  });

  describe.each(Object.entries(DASHBOARDS))('%s', (name, make) => {
    const built = make();
    const text = `${JSON.stringify(built, null, 2)}\n`;
    const file = join(GENERATED, `${name}.json`);

    it('is committed as the code makes it', () => {
      if (write) {
        mkdirSync(GENERATED, { recursive: true });
        writeFileSync(file, text);
      }
      expect(existsSync(file) ? readFileSync(file, 'utf8') : 'missing').toBe(text);
    });

    it('has the shape that Grafana’s own types describe', () => {
      expect(check(built)).toEqual([]);
    });

    it('asks questions, each with a description and at least one query, and names itself like its file', () => {
      expect(built.uid).toBe(name);
      const panels = panelsOf(built);
      expect(panels.length).toBeGreaterThan(4);
      for (const { title = '', description = '', targets = [] } of panels) {
        expect(title).toMatch(/\?$/);
        expect(description.length).toBeGreaterThan(15);
        expect(targets.length).toBeGreaterThan(0);
      }
      expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length);
    });

    it('asks in PromQL that can be parsed, of metrics that the program has', () => {
      const known = new Set(registry.getMetricsAsArray().map((metric) => metric.name));
      for (const { expr } of queriesOf(built)) {
        expect({ expr, errors: syntaxErrors(withVariables(expr)) }).toEqual({ expr, errors: [] });
        const unknown = metricsIn(withVariables(expr)).filter(
          (metric) => !known.has(metric) && !known.has(metric.replace(/_(bucket|sum|count)$/, '')),
        );
        expect({ expr, unknown }).toEqual({ expr, unknown: [] });
      }
    });
  });

  it('would not pass with a misspelt key, a wrong type of variable, or broken PromQL', () => {
    const good = DASHBOARDS['ratchet-loop']!();
    const broken = (change: (copy: Broken) => void): string[] => {
      const copy = structuredClone(good);
      change(copy as unknown as Broken);
      return check(copy);
    };
    expect(broken((copy) => (copy['titel'] = 'x'))).not.toEqual([]);
    expect(broken((copy) => (copy.templating.list[0]!.type = 'nonsense'))).not.toEqual([]);
    expect(broken((copy) => (panelsOf(copy as never)[0]!.options = { colourMode: 'value' }))).not.toEqual([]);
    expect(syntaxErrors('sum by (x (ratchet_serving_answers_total)')).not.toEqual([]);
    expect(metricsIn('rate(no_such_metric[5m])')).toEqual(['no_such_metric']);
  });
});
