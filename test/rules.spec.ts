import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { parsePromql } from '../src/platform/prometheus/index.js';
import { describeWith } from './support/services.js';

const ROOT = join(import.meta.dirname, '..');
const RULES = join(ROOT, 'dashboards/rules');

interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly labels?: { readonly severity: string };
  readonly annotations?: { readonly summary: string; readonly description: string };
}

const rulesOf = (file: string): Rule[] =>
  (parse(readFileSync(join(RULES, file), 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
    ({ rules }) => rules,
  );
const recorded = rulesOf('recording.yaml');
const alerts = rulesOf('alerts.yaml');
const rules = [...recorded, ...alerts];

/** Names and labels of every metric that a source file of `src` declares. */
async function declared(): Promise<Map<string, readonly string[]>> {
  const { registry } = await import('../src/platform/observability/index.js');
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    /(^|\/)metrics\.ts$/.test(file),
  );
  for (const file of files) await import(join(ROOT, 'src', file));
  return new Map(
    registry
      .getMetricsAsArray()
      .map((metric) => [metric.name, (metric as unknown as { labelNames: string[] }).labelNames]),
  );
}

describe('the rules on our own metrics', () => {
  it.each(rules.map((rule) => [rule.alert ?? rule.record ?? '', rule.expr]))('%s is PromQL', (_, expr) => {
    expect(parsePromql(expr).faults).toEqual([]);
  });

  it('name only metrics and labels that the program exports, or that another rule records', async () => {
    const known = await declared();
    expect(known.size).toBeGreaterThan(60);
    const own = new Set(recorded.map(({ record }) => record));
    const unknown = rules.flatMap(({ expr }) =>
      parsePromql(expr).selectors.flatMap(({ text }) => {
        const [name = ''] = /^[\w:]+/.exec(text) ?? [];
        if (own.has(name)) return [];
        const labels = known.get(name) ?? known.get(name.replace(/_(bucket|sum|count)$/, ''));
        if (labels === undefined) return [name];
        const asked = [...text.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, label = '']) => label);
        return asked.filter((label) => label !== 'le' && !labels.includes(label)).map((label) => `${name}{${label}}`);
      }),
    );
    expect(unknown).toEqual([]);
  });

  it('say of each alert how bad it is, what it is and what to do', () => {
    for (const { alert, labels, annotations } of alerts) {
      expect(alert).toMatch(/^Ratchet[A-Z]/);
      expect(['info', 'warning', 'critical']).toContain(labels?.severity);
      expect(annotations?.summary.length).toBeGreaterThan(10);
      expect(annotations?.description.length).toBeGreaterThan(20);
    }
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  });

  it('have a test with and one without the trouble for each alert', () => {
    const { tests } = parse(readFileSync(join(RULES, 'tests/alerts.yaml'), 'utf8')) as {
      tests: { alert_rule_test?: { alertname: string; exp_alerts: unknown[] }[] }[];
    };
    const cases = tests.flatMap(({ alert_rule_test: each = [] }) => each);
    for (const { alert } of alerts) {
      const fires = cases.filter(({ alertname }) => alertname === alert).map(({ exp_alerts: e }) => e.length);
      expect([alert, ...fires.sort()]).toEqual([alert, 0, 1]);
    }
  });
});

describeWith('promtool')('the rules, by Prometheus itself', () => {
  const promtool = (...args: string[]) => spawnSync('promtool', args, { cwd: RULES, encoding: 'utf8' });

  it('are rules', () => {
    const { status, stdout, stderr } = promtool('check', 'rules', 'recording.yaml', 'alerts.yaml');
    expect(stderr + stdout).not.toContain('FAILED');
    expect(status).toBe(0);
  });

  it('fire when they must and are quiet when they must', () => {
    const { status, stdout, stderr } = promtool('test', 'rules', 'tests/alerts.yaml');
    expect(stderr + stdout).toContain('SUCCESS');
    expect(status).toBe(0);
  });
});
