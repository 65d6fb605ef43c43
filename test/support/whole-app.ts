import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfiguration } from '../../src/app/configuration.js';
import { createApp } from '../../src/app/create-app.js';
import { PERSISTENCE } from '../../src/app/stages.js';
import { openTestDatabase } from '../../src/platform/postgres/testing/index.js';

/** What the program answered; the body is JSON wherever it says anything. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** The whole program on a database of its own, reached as everybody reaches it: over HTTP. */
export interface WholeApp {
  readonly url: string;
  /** Its files: artifacts, attempts, and whatever a test puts there. */
  readonly folder: string;
  /** For further processes on the same state. */
  readonly databaseUrl: string;
  call(method: string, path: string, body?: unknown, token?: string): Promise<Answer>;
  /** @throws when it is refused */
  upload(bytes: Uint8Array, token?: string): Promise<string>;
  close(): Promise<void>;
}

/** Everything looks more often than in production, so that tests are about what happens and not about waiting for it. */
const QUICK = {
  RATCHET_LOG_LEVEL: 'silent',
  RATCHET_HTTP_DOCS: 'false',
  RATCHET_RECONCILE_POLL_MS: '25',
  RATCHET_SERVING_ROUTE_INTERVAL_MS: '25',
  RATCHET_SERVING_HEARTBEAT_MS: '100',
  RATCHET_TELEMETRY_FLUSH_MS: '25',
  RATCHET_JOBS_OBSERVE_MS: '50',
  RATCHET_JOBS_STOP_GRACE_SECONDS: '0.2',
  RATCHET_EXPERIMENTS_PASS_MS: '100',
  RATCHET_EXPERIMENTS_UNLABELLED_AFTER_SECONDS: '0',
};

/** `environment` gets the program's folder, because some settings name files in it. */
export async function startWholeApp(
  environment: (folder: string) => Readonly<Record<string, string>> = () => ({}),
): Promise<WholeApp> {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-whole-'));
  const database = await openTestDatabase(PERSISTENCE);
  const settings = readConfiguration({
    ...QUICK,
    RATCHET_MODELS_ARTIFACT_FOLDER: join(folder, 'artifacts'),
    RATCHET_JOBS_WORK_FOLDER: join(folder, 'jobs'),
    ...environment(folder),
  });
  const app = await createApp(settings, database.db);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  return {
    url,
    folder,
    databaseUrl: database.url,
    call: (method, path, body, token) => call(url + path, method, body, token),
    upload: (bytes, token) => upload(url, bytes, token),
    close: async () => {
      await app.close();
      await database.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Text is sent as it is, everything else as JSON. */
export async function call(
  url: string,
  method: string,
  body: unknown,
  token: string | undefined,
  more: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const headers = {
    ...more,
    ...authorization(token),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
  const response = await fetch(url, { method, headers, ...(text === undefined ? {} : { body: text }) });
  const said = await response.text();
  return { status: response.status, body: said === '' ? {} : (JSON.parse(said) as Record<string, unknown>) };
}

export async function upload(url: string, bytes: Uint8Array, token: string | undefined): Promise<string> {
  const headers = { 'content-type': 'application/octet-stream', ...authorization(token) };
  const response = await fetch(`${url}/api/v1/artifacts`, { method: 'POST', headers, body: Buffer.from(bytes) });
  const said = (await response.json()) as { digest?: string };
  if (said.digest === undefined) throw new Error(`The upload was answered ${response.status}: ${JSON.stringify(said)}`);
  return said.digest;
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
