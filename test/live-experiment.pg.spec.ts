import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfiguration } from '../src/app/configuration.js';
import { createApp } from '../src/app/create-app.js';
import { PERSISTENCE } from '../src/app/stages.js';
import { buildOnnx } from '../src/models/testing/index.js';
import { openTestDatabase, type TestDatabase } from '../src/platform/postgres/testing/index.js';
import { chooseArm, type Route } from '../src/serving/index.js';
import { feed, serveTiny } from './support/tiny-model.js';
import { until } from './support/until.js';
import { call, upload, type WholeApp } from './support/whole-app.js';

type App = Awaited<ReturnType<typeof createApp>>;

/** The program on a database and folder of its own, which can be ended and begun again. */
class Restartable implements WholeApp {
  url = '';
  readonly databaseUrl = '';
  private app: App | null = null;

  constructor(
    private readonly database: TestDatabase,
    readonly folder: string,
  ) {}

  async start(): Promise<void> {
    const settings = readConfiguration({
      ...{ RATCHET_LOG_LEVEL: 'silent', RATCHET_HTTP_DOCS: 'false', RATCHET_RECONCILE_POLL_MS: '25' },
      ...{ RATCHET_SERVING_ROUTE_INTERVAL_MS: '25', RATCHET_SERVING_HEARTBEAT_MS: '100' },
      ...{ RATCHET_TELEMETRY_FLUSH_MS: '25', RATCHET_EXPERIMENTS_PASS_MS: '100' },
      ...{ RATCHET_CANDIDATES_LATENCY_ROUNDS: '30', RATCHET_CANDIDATES_LATENCY_CALLS: '2' },
      RATCHET_MODELS_ARTIFACT_FOLDER: join(this.folder, 'artifacts'),
      RATCHET_JOBS_WORK_FOLDER: join(this.folder, 'jobs'),
    });
    this.app = await createApp(settings, this.database.db);
    await this.app.listen(0, '127.0.0.1');
    this.url = await this.app.getUrl();
  }
  async end(): Promise<void> {
    await this.app?.close();
  }
  call(method: string, path: string, body?: unknown, token?: string) {
    return call(this.url + path, method, body, token);
  }
  upload(bytes: Uint8Array, token?: string) {
    return upload(this.url, bytes, token);
  }
  async close(): Promise<void> {
    await this.end();
    await this.database.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const EXPERIMENT = {
  ...{ mode: 'live', liveWeight: 50, margin: 0.4, alpha: 0.2, maxSamples: 100_000, maxSeconds: 600 },
  latency: { maxRatio: 100, maxAddedMs: 1_000 },
  errors: { maxAdded: 0.3 },
};

/** Real traffic through the gateway, split between champion and candidate; nobody sends labels, so it goes on. */
describe('a live experiment', () => {
  let app: Restartable;
  let twin: string;
  const arms = new Map<string, string>();

  const get = async (path: string) => (await app.call('GET', `/api/v1/${path}`)).body;
  const experiment = () => get('experiments/tiny-m1-x');
  const route = () => get('models/tiny/route');
  const reading = async () =>
    ((await experiment()) as { status: { reading: { exposure: { champion: number; candidate: number } } } }).status
      .reading;

  /** The arm that a key's request is answered by. */
  async function ask(key: string): Promise<string> {
    const answer = await fetch(`${app.url}/v2/models/tiny/infer`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-ratchet-key': key },
      body: JSON.stringify({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 0, 0, 0] }] }),
    });
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { parameters: { arm: string } }).parameters.arm;
  }

  beforeAll(async () => {
    const database = await openTestDatabase(PERSISTENCE);
    app = new Restartable(database, await mkdtemp(join(tmpdir(), 'ratchet-live-')));
    await app.start();
    await serveTiny(app, 'tiny', { experiment: EXPERIMENT });
    await feed(app, 'tiny', 300);
    twin = await app.upload(buildOnnx({ producer: 'live' }));
    expect(await app.call('POST', '/api/v1/models/tiny/candidates', { digest: twin })).toMatchObject({ status: 201 });
    await until(
      'split with the candidate',
      async () => ((await route())['candidate'] === twin ? true : null),
      60,
      async () => [await experiment(), await get('candidates/tiny-m1')],
    );
  }, 120_000);
  afterAll(() => app.close());

  it('shows its plan, its metrics and their parts of alpha', async () => {
    const { spec } = (await experiment()) as { spec: Record<string, unknown> };
    expect(spec).toMatchObject({
      ...{ mode: 'live', weight: 50, salt: 'tiny-m1-x', objection: null },
      metrics: [
        { name: 'quality', kind: 'quality', alpha: 0.1 },
        { name: 'errors', kind: 'errors', alpha: 0.05 },
        { name: 'latency', kind: 'latency', alpha: 0.05 },
      ],
      plan: { metrics: [{ name: 'quality', samples: expect.any(Number) }, { name: 'errors' }, { name: 'latency' }] },
    });
  });

  it('answers a key by the same arm again and again, both arms about equally, and records each key once', async () => {
    await until('gateway that splits', async () => {
      const seen = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(`warm-${n}`)));
      return new Set(seen).size === 2 ? true : null;
    });
    for (let n = 0; n < 120; n += 1) arms.set(`user-${n}`, await ask(`user-${n}`));
    for (const [key, arm] of [...arms].slice(0, 40)) expect(await ask(key)).toBe(arm);
    const ours = [...arms.values()].filter((arm) => arm === 'candidate').length;
    expect(ours).toBeGreaterThan(30);
    expect(ours).toBeLessThan(90);
    await until('exposures', async () => {
      const { champion, candidate } = (await reading()).exposure ?? { champion: 0, candidate: 0 };
      return champion + candidate >= 120 ? true : null;
    });
    const { champion, candidate } = (await reading()).exposure;
    expect(champion + candidate).toBeLessThanOrEqual(140);
  }, 60_000);

  it('gives every key the same arm after the program was ended and begun again', async () => {
    await app.end();
    await app.start();
    await until('gateway', async () => {
      const answer = await app.call('GET', '/v2/models/tiny/ready');
      return answer.status === 200 ? true : null;
    });
    await until('split in force', async () => ((await route())['candidate'] === twin ? true : null));
    for (const [key, arm] of arms) expect([key, await ask(key)]).toEqual([key, arm]);
  }, 60_000);

  it('stops, blind, when the arms are not filled as planned, and gives everything back to the champion', async () => {
    const now = (await route()) as unknown as Route;
    const skewed: string[] = [];
    for (let n = 0; skewed.length < 200; n += 1) {
      const key = `by-hand-${n}`;
      if (chooseArm({ ...now, confirmBy: null }, key, new Date()) === 'candidate') skewed.push(key);
    }
    for (const key of skewed) await ask(key);
    const ended = await until(
      'end of the experiment',
      async () => {
        const found = (await experiment()) as { status: { phase: string } };
        return found.status.phase === 'Concluded' ? found : null;
      },
      20,
      experiment,
    );
    expect(ended).toMatchObject({
      status: { verdict: 'BLIND', reason: expect.stringContaining('sample ratio mismatch') },
    });
    expect(await route()).toMatchObject({ candidate: null, weight: 0 });
    expect(await get('records/tiny-m1')).toMatchObject({ decidedBy: 'experiments' });
  }, 60_000);
});
