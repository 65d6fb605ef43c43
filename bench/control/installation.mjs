/** A real PostgreSQL, databases with many models in them, and the program over one of them. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { buildOnnx } from '../../dist/models/testing/index.js';
import { startEmbeddedPostgres } from '../../dist/platform/postgres/embedded-postgres.js';
import { diesWithParent } from '../../scripts/kafka/dies-with-parent.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const START_MS = 120_000;

export async function startPostgres() {
  // One of its own: whoever ends first must not stop another run's server.
  const folder = resolve(ROOT, '.ratchet', `bench-control-${process.pid}`);
  const postgres = await startEmbeddedPostgres(folder, ['shared_preload_libraries=pg_stat_statements']);
  return {
    url: postgres.url,
    stop: async () => {
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** An empty database and a client on it. */
export async function freshDatabase(postgres, name) {
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: url.href });
  client.on('error', () => undefined); // The server is stopped at the end, whatever came before.
  await client.connect();
  await client.query('CREATE EXTENSION pg_stat_statements');
  return { url: url.href, client };
}

/** The program as a process of its own, until it serves. */
export async function startProgram(database, environment = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'ratchet-bench-'));
  const port = await freePort();
  const [command, prefix] = diesWithParent(process.execPath);
  const began = performance.now();
  const child = spawn(command, [...prefix, join(ROOT, 'dist/main.js')], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      DATABASE_URL: database.url,
      RATCHET_HTTP_PORT: String(port),
      RATCHET_HTTP_DOCS: 'false',
      RATCHET_LOG_LEVEL: 'info',
      RATCHET_MODELS_ARTIFACT_FOLDER: join(folder, 'artifacts'),
      RATCHET_JOBS_WORK_FOLDER: join(folder, 'jobs'),
      ...environment,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise((done, reject) => {
    const late = setTimeout(() => reject(new Error('The program did not start.')), START_MS);
    child.stderr.setEncoding('utf8').on('data', (text) => {
      if (/"level":"(error|fatal)"/.test(text)) process.stderr.write(text);
      if (!text.includes('ratchet is serving')) return;
      clearTimeout(late);
      done();
    });
    child.on('close', (code) => reject(new Error(`The program ended with ${code}.`)));
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    startSeconds: (performance.now() - began) / 1000,
    call: (method, path, body, type = 'application/json') => call(url + path, method, body, type),
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    /** Resident bytes and CPU seconds so far. */
    usage: () => usage(child.pid),
    stop: async () => {
      const ended = new Promise((done) => child.on('close', done));
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** One model through the API, and as many copies of its rows as are wanted; some with an open rollout. */
export async function fill(database, { models, rollouts }) {
  const program = await startProgram(database, { RATCHET_ROLES: 'control' });
  try {
    const uploaded = await program.call('POST', '/api/v1/artifacts', buildOnnx(), 'application/octet-stream');
    await program.call('PUT', '/api/v1/models/m0', JSON.stringify(documentOf('m0', uploaded.digest)));
    await until(async () => (await database.client.query('SELECT 1 FROM serving.route')).rowCount === 1);
  } finally {
    await program.stop();
  }
  for (const [table, column] of [
    ['models.model', 'id'],
    ['models.version', 'model'],
    ['models.champion_period', 'model'],
    ['serving.route', 'model'],
  ])
    await copyRows(database.client, table, column, models - 1);
  await openRollouts(database.client, rollouts);
  await database.client.query('DELETE FROM platform.work_item');
  await database.client.query('VACUUM ANALYZE');
}

async function copyRows(client, table, column, copies) {
  const [schema, name] = table.split('.');
  const { rows } = await client.query(
    'SELECT column_name FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 ORDER BY 1',
    [schema, name],
  );
  const columns = rows.map((row) => `"${row.column_name}"`);
  const value = (quoted) =>
    quoted === `"${column}"` || (table === 'models.model' && quoted === '"model"') ? `'m' || n` : quoted;
  await client.query(
    `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${columns.map(value).join(', ')}
     FROM ${table}, generate_series(1, $1::int) AS n WHERE ${column} = 'm0'`,
    [copies],
  );
}

/** Rollouts of which nothing can be seen yet, so that they stay open; a gateway that follows every route stands for the data plane. */
async function openRollouts(client, count) {
  await client.query(
    `INSERT INTO rollouts.rollout (id, model, phase, spec, status, revision, created_at, updated_at)
     SELECT id || '-t1-c1-r', id, 'Pending',
       jsonb_build_object('experiment', id || '-t1-c1-x', 'candidate', id || '-t1-c1',
         'candidateVersion', 'sha256:' || repeat('b', 64), 'champion', spec #>> '{reference,digest}',
         'policy', spec -> 'rollout', 'salt', id),
       '{"phase": "Pending"}', 1, now(), now()
     FROM models.model ORDER BY id LIMIT $1`,
    [count],
  );
  await client.query(
    `INSERT INTO models.change_lock (model, holder, acquired_at)
     SELECT model, spec ->> 'candidate', now() FROM rollouts.rollout`,
  );
  await client.query(
    `INSERT INTO serving.gateway (instance, model, epoch, in_force_at, seen_at)
     SELECT 'bench', model, 1000000, now(), 'infinity' FROM rollouts.rollout`,
  );
}

function documentOf(name, digest) {
  const gates = [{ kind: 'error-ratio', max: 0.5, minimumSamples: 5 }];
  return {
    apiVersion: 'ratchet.dev/v1alpha1',
    kind: 'Model',
    metadata: { name },
    spec: {
      task: { kind: 'classification', classes: 4 },
      input: { name: 'x', shape: [-1, 4] },
      output: { name: 'y', shape: [-1, 4] },
      reference: { digest },
      objectives: { qualityBudget: { maxLoss: 0.5 }, minAgreement: 0.5, maxSizeRatio: 1, minSpeedup: 0.001 },
      rollout: {
        steps: [
          { weight: 10, holdSeconds: 86_400, gates },
          { weight: 50, holdSeconds: 86_400, gates },
        ],
        blindSeconds: 86_400,
        undecidedSeconds: 86_400,
      },
    },
  };
}

async function call(url, method, body, type) {
  const response = await fetch(url, { method, headers: { 'content-type': type }, body });
  const said = await response.text();
  if (!response.ok) throw new Error(`${method} ${url} was answered ${response.status}: ${said}`);
  return JSON.parse(said);
}

function usage(pid) {
  const rss = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  // Fields 14 and 15, counted after the name in brackets, which may hold anything.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
  return { rssBytes: Number(rss) * 1024, cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100 };
}

export async function until(look, seconds = 60) {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline;) {
    if (await look()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`It did not become so within ${seconds} s: ${look}`);
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}
