import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { freePorts } from '../scripts/kafka/ports.mjs';
import { PERSISTENCE } from '../src/app/stages.js';
import { AttemptTable } from '../src/jobs/adapters/postgres/attempt-table.js';
import { Listening } from '../src/jobs/adapters/exchange/listening.js';
import { StoredAttemptExchange } from '../src/jobs/adapters/exchange/stored-attempt-exchange.js';
import { attemptOf, type JobAttempt } from '../src/jobs/domain/job.js';
import { digestOf } from '../src/jobs/testing/attempts.js';
import { FolderArtifactStaging } from '../src/models/adapters/folder/artifact-staging.js';
import { FolderArtifactStore } from '../src/models/adapters/folder/artifact-store.js';
import { openTestDatabase, type TestDatabase } from '../src/platform/postgres/testing/index.js';
import { SystemClock } from '../src/platform/runtime/index.js';
import { ControlPlane } from './faults/control-plane.js';
import { describeWith } from './support/services.js';
import { until } from './support/until.js';

const ROOT = join(import.meta.dirname, '..');
const PYTHON = join(ROOT, '.venv/bin/python');
const ARTIFACT_BYTES = 64 * 1024 * 1024;
/** A job of the runners' own tests, as files in a folder. */
const MAKE_JOB = 'import sys; from pathlib import Path; from support import write_job; write_job(Path(sys.argv[1]))';

/**
 * The real runner and the real program, with nothing between them but HTTP; the program is killed with SIGKILL in the
 * middle and started again.
 */
describeWith('python-runner')('an attempt on another machine', () => {
  let test: TestDatabase;
  let folder: string;
  let port: number;
  let document: Record<string, unknown>;
  let exchange: StoredAttemptExchange;
  const running = new Set<{ kill(): Promise<void> }>();
  let counter = 0;

  beforeAll(async () => {
    test = await openTestDatabase(PERSISTENCE);
    folder = await mkdtemp(join(tmpdir(), 'ratchet-elsewhere-'));
    [port] = (await freePorts(1)) as [number];
    const made = spawnSync(PYTHON, ['-c', MAKE_JOB, join(folder, 'job')], {
      env: { PATH: process.env['PATH'], PYTHONPATH: join(ROOT, 'gpu-runners/tests') },
      encoding: 'utf8',
    });
    expect(made.stderr).toBe('');
    const artifacts = join(folder, 'artifacts');
    const store = new FolderArtifactStore(artifacts, ARTIFACT_BYTES);
    for (const file of ['reference.onnx', 'train.arrow']) await store.putFile(join(folder, 'job', file));
    document = JSON.parse(await readFile(join(folder, 'job/job.json'), 'utf8')) as Record<string, unknown>;
    const clock = new SystemClock();
    const staging = new FolderArtifactStaging(artifacts, ARTIFACT_BYTES);
    exchange = new StoredAttemptExchange(new AttemptTable(test.db), staging, new Listening(clock), clock, {
      keepHours: 1,
    });
  }, 60_000);
  afterEach(async () => {
    for (const one of running) await one.kill();
    running.clear();
  });
  afterAll(async () => {
    await test.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function startControlPlane(more: Readonly<Record<string, string>> = {}): Promise<ControlPlane> {
    const plane = new ControlPlane();
    running.add(plane);
    plane.start({
      RATCHET_LOG_LEVEL: 'info',
      RATCHET_HTTP_PORT: String(port),
      RATCHET_HTTP_DOCS: 'false',
      DATABASE_URL: test.url,
      RATCHET_MODELS_ARTIFACT_FOLDER: join(folder, 'artifacts'),
      RATCHET_JOBS_WORK_FOLDER: join(folder, 'jobs'),
      ...more,
    });
    if ((await plane.said(/ratchet is serving/)) === null) throw new Error(plane.lastLines.join('\n'));
    return plane;
  }

  async function startAttempt(): Promise<{ attempt: JobAttempt; client: ChildProcess; ended: Promise<string> }> {
    counter += 1;
    const attempt = attemptOf(`shapes-t${counter}-job`, 1);
    const { token } = await exchange.open(attempt, {
      ...document,
      job: `shapes-t${counter}-job`,
      attempt: attempt.name,
    });
    const file = join(folder, `token-${counter}`);
    await writeFile(file, `${token}\n`);
    const options = ['--api', `http://127.0.0.1:${port}`, '--attempt', attempt.name, '--token-file', file];
    const client = spawn(
      PYTHON,
      ['-m', 'ratchet_runners', 'remote', ...options, '--work', join(folder, `work-${counter}`)],
      { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const said: string[] = [];
    for (const stream of [client.stdout, client.stderr]) stream.on('data', (text) => said.push(String(text)));
    const ended = new Promise<string>((done) => {
      client.once('close', (code, signal) => {
        done(`${String(code ?? signal)} ${code === 0 ? '' : said.join('')}`.trim());
      });
    });
    running.add({
      kill: async () => {
        client.kill('SIGKILL');
        await ended;
      },
    });
    return { attempt, client, ended };
  }

  async function expectResult(attempt: JobAttempt): Promise<void> {
    expect(await exchange.news(attempt)).toMatchObject({ ended: { exitCode: 0, error: null } });
    const report = await exchange.report(attempt);
    expect(report).toMatchObject({ attempt: attempt.name, outcome: 'candidate', artifacts: { length: 1 } });
    for (const artifact of report.artifacts) {
      expect(digestOf(await readFile(await exchange.outputPath(attempt, artifact)))).toBe(artifact.digest);
    }
  }

  const told = (attempt: JobAttempt) => async () => {
    const news = await exchange.news(attempt);
    return news.progress === null ? null : news.progress;
  };

  it('brings its result though the program is killed while it runs, and stays away for a while', async () => {
    const first = await startControlPlane();
    const { attempt, ended } = await startAttempt();
    await until('sign of life', told(attempt), 60);
    await first.kill();
    running.delete(first);
    await new Promise((resolve) => setTimeout(resolve, 5000));
    await startControlPlane();
    expect(await ended).toBe('0');
    await expectResult(attempt);
  }, 180_000);

  it.each(['jobs.store-part:after', 'jobs.note-part:after-commit', 'jobs.note-file:before-commit'])(
    'brings its result though the program is killed at %s',
    async (failpoint) => {
      const first = await startControlPlane({ RATCHET_FAILPOINT: `${failpoint}:exit` });
      const { attempt, ended } = await startAttempt();
      await first.ended;
      running.delete(first);
      await startControlPlane();
      expect(await ended).toBe('0');
      await expectResult(attempt);
    },
    180_000,
  );

  it('ends by itself, with 6, once the program has closed it', async () => {
    await startControlPlane();
    const { attempt, client, ended } = await startAttempt();
    await until('sign of life', told(attempt), 60);
    await exchange.close(attempt);
    client.kill('SIGTERM');
    // Its last word is refused too.
    expect(await ended).toMatch(/^(6|143)/);
    expect((await exchange.news(attempt)).ended).toBeNull();
  }, 180_000);
});
