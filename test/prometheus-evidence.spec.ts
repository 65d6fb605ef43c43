import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { type PrometheusServer, startPrometheus } from '../scripts/prometheus/server.mjs';
import type { Digest, Verdict } from '../src/kernel/index.js';
import type { Gate } from '../src/models/index.js';
import { PrometheusClient } from '../src/platform/prometheus/index.js';
import { PrometheusGateAdmission } from '../src/rollouts/adapters/prometheus/prometheus-gate-admission.js';
import { PrometheusGateMeter } from '../src/rollouts/adapters/prometheus/prometheus-gate-meter.js';
import { FakeGateMeter } from '../src/rollouts/testing/index.js';
import { versionLabel } from '../src/serving/index.js';
import { describeWith } from './support/services.js';
import { until } from './support/until.js';

const digest = (digit: string): Digest => `sha256:${digit.repeat(64)}`;
const VERSIONS = { champion: digest('a'), candidate: digest('b') };
const clock = { now: () => new Date() };
const ERRORS: Gate = { kind: 'error-ratio', max: 0.05, minimumSamples: 30 };
const P95: Gate = { kind: 'latency-p95', maxMs: 250, minimumSamples: 30 };

/** Two exporters in the place of gateways; what they answer grows with every scrape. */
class Exporter {
  scrapes = 0;
  /** How many of ten answers are errors, and how many take longer than a quarter of a second. */
  errors = 0;
  slow = 0;
  private readonly server: Server = createServer((_, response) => {
    this.scrapes += 1;
    // Prometheus 3 takes nothing whose format it has to guess.
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(this.text());
  });
  url = '';

  async start(): Promise<this> {
    await new Promise<void>((ready) => this.server.listen(0, '127.0.0.1', ready));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return this;
  }
  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private readonly counted = { ok: 0, failed: 0, fast: 0, slow: 0 };

  private text(): string {
    this.counted.ok += 20 - 2 * this.errors;
    this.counted.failed += 2 * this.errors;
    this.counted.fast += 20 - 2 * this.slow;
    this.counted.slow += 2 * this.slow;
    const { ok, failed, fast, slow } = this.counted;
    const labels = `model="digits",arm="candidate",version="${versionLabel(VERSIONS.candidate)}"`;
    const latency = `ratchet_serving_request_seconds`;
    return [
      '# TYPE ratchet_serving_answers_total counter',
      `ratchet_serving_answers_total{${labels},outcome="ok"} ${ok}`,
      `ratchet_serving_answers_total{${labels},outcome="runtime"} ${failed}`,
      `# TYPE ${latency} histogram`,
      `${latency}_bucket{${labels},le="0.1"} ${fast}`,
      `${latency}_bucket{${labels},le="0.25"} ${fast}`,
      `${latency}_bucket{${labels},le="1"} ${fast + slow}`,
      `${latency}_bucket{${labels},le="+Inf"} ${fast + slow}`,
      `${latency}_sum{${labels}} ${fast * 0.05 + slow * 0.5}`,
      `${latency}_count{${labels}} ${fast + slow}`,
      '# TYPE zero gauge',
      'zero 0',
      '# TYPE one gauge',
      'one{side="left"} 1',
      'one{side="right"} 1',
      '',
    ].join('\n');
  }
}

describeWith('prometheus')('evidence from a real Prometheus', () => {
  let prometheus: PrometheusServer;
  const exporters: Exporter[] = [];
  let since: Date;

  beforeAll(async () => {
    exporters.push(await new Exporter().start(), await new Exporter().start());
    prometheus = await startPrometheus({ targets: exporters.map(({ url }) => url), flags: ['--query.timeout=2s'] });
    since = new Date();
    await until('four scrapes of each', () => Promise.resolve(exporters.every(({ scrapes }) => scrapes > 4) || null));
  }, 60_000);
  afterAll(async () => {
    await prometheus?.stop();
    for (const exporter of exporters) await exporter.stop();
  });

  const client = (): PrometheusClient =>
    new PrometheusClient({ url: prometheus.url, timeoutMs: 3_000, maxResponseBytes: 1e6, bearerTokenFile: undefined });
  const read = (gate: Gate, staleSeconds = 30, from = since) =>
    new PrometheusGateMeter(client(), new FakeGateMeter(() => new Date()), clock, { staleSeconds, askSeconds: 0 }).read(
      'digits',
      gate,
      VERSIONS,
      from,
    );
  const query = (text: string, over: Partial<Extract<Gate, { kind: 'promql' }>> = {}): Gate => ({
    ...{ kind: 'promql', query: text, min: null, max: 1_000, minimumSamples: 1 },
    ...over,
  });

  it('counts whole answers of all gateways since the step, and how old they are', async () => {
    const reading = await read(ERRORS);
    expect(reading).toMatchObject({
      verdict: expect.stringMatching(/PASS|UNDECIDED/),
      evidence: [{ value: 0, series: 1, sources: 2, warnings: [] }],
    });
    const [evidence] = reading.evidence;
    expect((evidence?.samples ?? 1) % 20).toBe(0);
    expect(evidence?.samples).toBeGreaterThanOrEqual(60);
    expect(Date.now() - (evidence?.newestAt?.getTime() ?? 0)).toBeLessThan(10_000);
    const later = new Date();
    await until('two more scrapes', async () => ((await read(ERRORS, 30, later)).verdict === 'BLIND' ? null : true));
    const fresh = await read(ERRORS, 30, later);
    // Only what came after the later moment.
    expect(fresh.evidence[0]?.samples).toBeLessThan((await read(ERRORS)).evidence[0]?.samples ?? 0);
  }, 30_000);

  it('reads the latency bucket by bucket', async () => {
    expect(await read(P95)).toMatchObject({
      evidence: [{ value: 100 }],
      reason: expect.stringContaining('0 answers above'),
    });
    const [bad] = exporters;
    bad!.slow = 10;
    bad!.errors = 10;
    await until('FAIL of both', async () => {
      const verdicts = await Promise.all([read(P95), read(ERRORS)]);
      return verdicts.every(({ verdict }) => verdict === 'FAIL') || null;
    });
    bad!.slow = 0;
    bad!.errors = 0;
  }, 30_000);

  const MATRIX_OF_WORK = 'max_over_time(sum(rate(prometheus_http_requests_total[10m]))[100000s:1s])';
  it.each<[string, string, Verdict, string]>([
    ['a number', 'sum(one)', 'PASS', '4 of'],
    ['a scalar', 'scalar(sum(one))', 'PASS', '4 of'],
    ['a number that the data makes bad', 'sum(one) * 1000', 'FAIL', '4000'],
    ['an empty vector', 'no_such_series', 'BLIND', 'no data'],
    ['nothing over nothing', 'sum(zero) / sum(zero)', 'BLIND', 'not finite'],
    ['something over nothing', 'sum(one) / sum(zero)', 'BLIND', 'not finite'],
    ['less than nothing over nothing', '-sum(one) / sum(zero)', 'BLIND', 'not finite'],
    ['two series', 'sum by (side) (one)', 'BLIND', 'no data'],
    ['a number without data behind it', 'sum(no_such_series) or vector(0)', 'BLIND', 'no data'],
    ['ambiguous matching', 'one / on(job) one', 'BLIND', 'cannot execute'],
    ['a wrong number of arguments', 'rate(one)', 'INVALID', 'refuses the query'],
    ['a range', 'one[1m]', 'INVALID', 'matrix'],
    ['too much work', MATRIX_OF_WORK, 'INVALID', '24 hours'],
  ])('says of %s: %s', async (_, text, verdict, reason) => {
    const reading = await read(query(text));
    expect(reading).toMatchObject({ verdict, reason: expect.stringContaining(reason) });
  });

  it('is blind while the query takes longer than Prometheus lets it', async () => {
    const slow = Array.from({ length: 8 }, () => 'count(max_over_time({__name__=~".+"}[23h:84s]))').join(' + ');
    const eager = new PrometheusClient({
      ...{ url: prometheus.url, timeoutMs: 100, maxResponseBytes: 1e6, bearerTokenFile: undefined },
    });
    const meter = new PrometheusGateMeter(eager, new FakeGateMeter(() => new Date()), clock, {
      ...{ staleSeconds: 30, askSeconds: 0 },
    });
    const readings = [];
    for (let n = 0; n < 5; n += 1) readings.push(await meter.read('digits', query(slow), VERSIONS, since));
    expect(readings.map(({ verdict }) => verdict)).toContain('BLIND');
  }, 30_000);

  it('refuses at admission what Prometheus does not understand, in its words', async () => {
    const admission = new PrometheusGateAdmission(client());
    const check = (text: string, over = {}) => admission.check(query(text, over));
    expect(await check('sum(one{model="{{model}}"})')).toEqual([]);
    expect(await check('rate(one)')).toEqual([expect.stringMatching(/^Prometheus says: .*expected type range vector/)]);
    expect(await check('one / on(job) one')).toEqual([expect.stringContaining('Prometheus says: ')]);
    expect(await check('one[1m]')).toEqual([expect.stringContaining('not a matrix')]);
    expect(await check('one')).toEqual([expect.stringContaining('4 series now')]);
    expect(await check('sum(')).toEqual([expect.stringContaining('it is not PromQL')]);
    expect(await check('sum(one)', { max: null })).toEqual(['needs min, max or both']);
    expect(await admission.check({ ...P95, maxMs: 0.1 })).toEqual([expect.stringContaining('0.5 ms')]);
    const nobody = new PrometheusClient({
      ...{ url: 'http://127.0.0.1:9', timeoutMs: 500, maxResponseBytes: 1e6, bearerTokenFile: undefined },
    });
    expect(await new PrometheusGateAdmission(nobody).check(query('sum(one)'))).toEqual([]);
  });

  it('is blind once what it scraped is old, though Prometheus still repeats it, and when it is gone', async () => {
    // A target that is no longer known is forgotten at once; one that only fails to answer leaves its last samples.
    prometheus.scrape([]);
    await until('no series', async () => ((await read(query('sum(one)'))).verdict === 'BLIND' ? true : null), 20);
    expect(await read(ERRORS, 1)).toMatchObject({ verdict: 'BLIND' });
    prometheus.pause();
    expect(await read(ERRORS)).toMatchObject({ verdict: 'BLIND', reason: expect.stringContaining('timeout') });
    prometheus.resume();
    await prometheus.kill();
    expect(await read(ERRORS)).toMatchObject({ verdict: 'BLIND', reason: expect.stringContaining('unreachable') });
    await prometheus.restart();
    prometheus.scrape(exporters.map(({ url }) => url));
    await until('sight again', async () => ((await read(ERRORS)).verdict === 'BLIND' ? null : true), 20);
  }, 60_000);
});
