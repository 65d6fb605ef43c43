import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Counter, Gauge, Histogram } from 'prom-client';
import { registry } from '../src/platform/observability/index.js';
import { startWholeApp, type WholeApp } from './support/whole-app.js';
import { describeWith } from './support/services.js';

/** Prometheus' own tool reads what a scrape would: names, help texts, types and units. */
describeWith('promtool')('what a scrape gets', () => {
  let app: WholeApp;
  beforeAll(async () => {
    app = await startWholeApp();
  });
  afterAll(async () => {
    await app.close();
  });

  it('is what "promtool check metrics" accepts without a remark', async () => {
    for (const metric of registry.getMetricsAsArray()) giveOneSample(metric);
    const text = await (await fetch(`${app.url}/metrics`)).text();
    const ours = text.split('\n').filter((line) => line.startsWith('# TYPE ratchet_'));
    expect(ours.length).toBeGreaterThan(30);
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    // Remarks on what Node itself exports under its library's names are not about us.
    const remarks = `${stdout}${stderr}`.split('\n').filter((line) => line.startsWith('ratchet_'));
    expect({ remarks, understood: status !== 1 }).toEqual({ remarks: [], understood: true });
  });

  it('is understood by nobody when it is broken', () => {
    const { status } = spawnSync('promtool', ['check', 'metrics'], { input: 'ratchet_x{ 1\n', encoding: 'utf8' });
    expect(status).toBe(1);
  });
});

/** A family without samples says only its type, and promtool would not look at it. */
function giveOneSample(metric: object): void {
  const { labelNames = [] } = metric as { labelNames?: string[] };
  const labels = Object.fromEntries(labelNames.map((name) => [name, 'x']));
  if (metric instanceof Counter) metric.inc(labels, 0);
  else if (metric instanceof Histogram) metric.observe(labels, 1);
  else if (metric instanceof Gauge && !('collect' in metric && metric.collect)) metric.set(labels, 1);
}
