import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { freePorts } from '../../scripts/kafka/ports.mjs';
import { PERSISTENCE } from '../../src/app/stages.js';
import { markedProcesses } from '../../src/jobs/adapters/process/process-table.js';
import { installId } from '../../src/jobs/adapters/process/install-id.js';
import { openTestDatabase, type TestDatabase } from '../../src/platform/postgres/testing/index.js';
import { ScriptedRunner } from '../support/scripted-runner.js';
import { ask, TINY, TINY_TWIN, tinyDocument } from '../support/tiny-model.js';
import type { Answer, WholeApp } from '../support/whole-app.js';

/** Everything is looked at often, and what a dead process held is taken over after a second. */
const QUICK = {
  RATCHET_LOG_LEVEL: 'warn',
  RATCHET_HTTP_DOCS: 'false',
  RATCHET_DATABASE_POOL_SIZE: '8',
  RATCHET_RECONCILE_POLL_MS: '20',
  RATCHET_RECONCILE_LEASE_SECONDS: '1',
  RATCHET_RECONCILE_RETRY_BASE_MS: '50',
  RATCHET_SERVING_ROUTE_INTERVAL_MS: '25',
  RATCHET_SERVING_HEARTBEAT_MS: '100',
  RATCHET_TELEMETRY_FLUSH_MS: '25',
  RATCHET_JOBS_OBSERVE_MS: '50',
  RATCHET_JOBS_STOP_GRACE_SECONDS: '0.2',
  RATCHET_JOBS_BACKOFF_SECONDS: '0.1',
  RATCHET_MONITORS_PASS_MS: '200',
  RATCHET_TRIGGERS_PASS_MS: '200',
  RATCHET_EXPERIMENTS_PASS_MS: '100',
  RATCHET_EXPERIMENTS_UNLABELLED_AFTER_SECONDS: '0',
  RATCHET_CANDIDATES_LATENCY_ROUNDS: '30',
  RATCHET_CANDIDATES_LATENCY_CALLS: '2',
};

/** A database, a runner and a client for control planes that come and go at one address. */
export interface FaultyWorld {
  readonly database: TestDatabase;
  readonly runner: ScriptedRunner;
  readonly environment: Readonly<Record<string, string>>;
  /** Its calls are repeated until a control plane answers them: what a user does whose tool says "connection refused". */
  readonly client: WholeApp;
  /** Called between repetitions; what it throws ends them. */
  guard: () => void;
  /** Applies the tiny model's document and has it answered. */
  serve(name: string, spec: Readonly<Record<string, unknown>>): Promise<string>;
  /** Some labelled requests; what fails is a request that nobody answered. */
  traffic(name: string, requests?: number): Promise<void>;
  /** Numbers of the database. */
  count(sql: string, parameters?: unknown[]): Promise<number>;
  /** Attempts of this installation that run, whoever knows of them. */
  runningAttempts(): Promise<string[]>;
  close(): Promise<void>;
}

export async function openFaultyWorld(more: Readonly<Record<string, string>> = {}): Promise<FaultyWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-faults-'));
  const database = await openTestDatabase(PERSISTENCE);
  const runner = new ScriptedRunner(folder, TINY_TWIN);
  runner.behave('works');
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const environment = {
    ...QUICK,
    DATABASE_URL: database.url,
    RATCHET_HTTP_PORT: String(port),
    RATCHET_MODELS_ARTIFACT_FOLDER: join(folder, 'artifacts'),
    RATCHET_JOBS_WORK_FOLDER: join(folder, 'jobs'),
    RATCHET_JOBS_PYTHON: runner.program,
    ...more,
  };
  const client = persistentClient({ url, folder, databaseUrl: database.url }, () => {
    world.guard();
  });
  let asked = 0;
  const world: FaultyWorld = {
    guard: () => undefined,
    database,
    runner,
    environment,
    client,
    async serve(name, spec) {
      const digest = await client.upload(TINY);
      const applied = await client.call('PUT', `/api/v1/models/${name}`, tinyDocument(name, digest, spec));
      if (applied.status !== 200) throw new Error(`The document was answered ${JSON.stringify(applied)}`);
      return digest;
    },
    async traffic(name, requests = 10) {
      const impatient: WholeApp = { ...client, call: (method, path, body) => once(url, method, path, body) };
      const labels = Array.from({ length: requests }, (_, n) => ({ requestId: `asked-${(asked += 1)}`, label: n % 4 }));
      await Promise.allSettled(labels.map(({ requestId, label }) => ask(impatient, name, label, requestId)));
      await impatient.call('POST', `/api/v1/models/${name}/labels`, { labels }).catch(() => undefined);
    },
    async count(sql, parameters) {
      const [row] = await database.db.query(sql, parameters);
      return Number(Object.values(row ?? {})[0]);
    },
    async runningAttempts() {
      const id = await installId(join(folder, 'jobs'));
      return (await markedProcesses(id)).map(({ attempt }) => attempt);
    },
    async close() {
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return world;
}

/** How long one call is repeated before it counts as refused for good. */
const PATIENCE_MS = 300_000;
const PAUSE_MS = 40;

function persistentClient(at: Pick<WholeApp, 'url' | 'folder' | 'databaseUrl'>, guard: () => void): WholeApp {
  const { url } = at;
  const call: WholeApp['call'] = (method, path, body) => {
    const key = randomUUID();
    return persist(() => once(url, method, path, body, key), guard);
  };
  return {
    ...at,
    call,
    async upload(bytes) {
      const answer = await persist(() => once(url, 'POST', '/api/v1/artifacts', bytes), guard);
      return String(answer.body['digest']);
    },
    close: () => Promise.resolve(),
  };
}

async function persist(send: () => Promise<Answer>, guard: () => void): Promise<Answer> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const [outcome] = await Promise.allSettled([send()]);
    if (outcome.status === 'fulfilled' && outcome.value.status < 500) return outcome.value;
    if (Date.now() > deadline) {
      const last = outcome.status === 'fulfilled' ? outcome.value : (outcome.reason as Error);
      throw new Error(`For five minutes there was no better answer than ${inspect(last)}`);
    }
    guard();
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

async function once(url: string, method: string, path: string, body?: unknown, key?: string): Promise<Answer> {
  const isBytes = ArrayBuffer.isView(body);
  const response = await fetch(url + path, {
    method,
    signal: AbortSignal.timeout(10_000),
    headers: {
      ...(body === undefined ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
      ...(key === undefined || method !== 'POST' ? {} : { 'idempotency-key': key }),
    },
    ...(body === undefined ? {} : { body: isBytes ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
  });
  const said = await response.text();
  return { status: response.status, body: said === '' ? {} : (JSON.parse(said) as Record<string, unknown>) };
}
