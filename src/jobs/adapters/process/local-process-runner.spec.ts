import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { AttemptObservation } from '../../domain/attempt.js';
import { BrokenReport, RunnerUnavailable, UnsafeAttemptName } from '../../domain/errors.js';
import { jobDocument } from '../../domain/job-document.js';
import { attemptOf, type JobAttempt } from '../../domain/job.js';
import { digestOf, pendingJob, SNAPSHOT } from '../../testing/jobs.js';
import { installId } from './install-id.js';
import { LocalProcessRunner } from './local-process-runner.js';
import { markedProcesses } from './process-table.js';
import { WRAPPER } from './wrapper.js';

const FAKE = resolve(import.meta.dirname, '../../testing/fake-runner.sh');

describe('LocalProcessRunner', () => {
  let folder: string;
  let runner: LocalProcessRunner;
  const attempt = attemptOf('digits-t1-job', 1);
  const options = {
    python: FAKE,
    path: '/usr/local/bin:/usr/bin:/bin',
    maxOutputBytes: 1_000_000,
    stopGraceSeconds: 0.3,
  };
  const make = () => new LocalProcessRunner({ ...options, workFolder: folder });
  const launch = (behaviour: string, which: JobAttempt = attempt) =>
    runner.launch(
      which,
      jobDocument(
        pendingJob({ parameters: { behaviour } }),
        which,
        {
          task: { kind: 'classification', classes: 10 },
          input: { name: 'input', datatype: 'FP32', shape: [-1, 4] },
          output: { name: 'logits', datatype: 'FP32', shape: [-1, 10] },
        },
        SNAPSHOT.train,
        { reference: '/r', champion: '/c', train: '/t' },
      ),
    );

  /** Looks until the condition holds; the fake runner's own processes set the pace. */
  async function until<State extends AttemptObservation['state']>(
    state: State,
    also: (seen: Extract<AttemptObservation, { state: State }>) => boolean = () => true,
  ): Promise<Extract<AttemptObservation, { state: State }>> {
    for (let i = 0; i < 400; i += 1) {
      const seen = await runner.observe(attempt);
      if (seen.state === state && also(seen as Extract<AttemptObservation, { state: State }>)) return seen as never;
      await pause(25);
    }
    throw new Error(`The attempt was never seen ${state}: ${JSON.stringify(await runner.observe(attempt))}`);
  }
  /** Every launched attempt is one; how many processes it has changes all the time. */
  const groups = async () => new Set((await markedProcesses(await installId(folder))).map(({ group }) => group));
  const alive = async () => (await markedProcesses(await installId(folder))).length;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ratchet-jobs-'));
    runner = make();
  });
  afterEach(async () => {
    await runner.sweep(() => Promise.resolve(new Set()));
    rmSync(folder, { recursive: true, force: true });
  });

  it('brings a verified file from an attempt that succeeds', async () => {
    await launch('succeeds');
    const end = await until('exited');
    expect(end).toMatchObject({ exitCode: 0, signal: null, error: null });
    expect(end.endedAt).toBeInstanceOf(Date);
    const report = await runner.report(attempt);
    expect(report).toMatchObject({ job: 'digits-t1-job', attempt: attempt.name, outcome: 'candidate' });
    expect(readFileSync(await runner.outputPath(attempt, report.artifacts[0]!), 'utf8')).toBe(
      'model of digits-t1-job-a1',
    );
    expect(await alive()).toBe(0);
  });

  it('sees nothing of an attempt that was never launched', async () => {
    expect(await runner.observe(attempt)).toEqual({ state: 'absent' });
    await runner.stop(attempt);
  });

  it('launching twice is launching once', async () => {
    await launch('slow');
    await until('running', (seen) => seen.progress !== null);
    const before = await groups();
    await Promise.all([launch('slow'), make().launch(attempt, { parameters: { behaviour: 'exits-one' } })]);
    expect(await groups()).toEqual(before);
    writeFileSync(join(folder, attempt.name, 'go'), '');
    expect((await until('exited')).exitCode).toBe(0);
    await launch('exits-one');
    expect((await until('exited')).exitCode).toBe(0);
  });

  it('tells why a runner failed', async () => {
    await launch('exits-one');
    expect(await until('exited')).toMatchObject({ exitCode: 1, error: null, logTail: 'Traceback: it broke\n' });
  });

  it("passes on what the runner says of the job's faults", async () => {
    await launch('invalid-job');
    expect(await until('exited')).toMatchObject({ exitCode: 2, error: 'The job has 1 fault; seed: too odd' });
  });

  it.each(['hangs', 'forks', 'stubborn'])('stopping one that %s leaves nothing behind', async (behaviour) => {
    await launch(behaviour);
    await until('running', (seen) => seen.progress !== null);
    expect(await alive()).toBeGreaterThan(1);
    await runner.stop(attempt);
    expect(await alive()).toBe(0);
    expect((await until('exited')).exitCode).not.toBe(0);
    await runner.stop(attempt);
  });

  it('reads past garbage in the progress file', async () => {
    await launch('garbage-progress');
    const seen = await until('running', ({ progress }) => progress !== null);
    expect(seen.progress).toEqual({ step: 'calibrate', fraction: 0.25, message: 'good' });
  });

  it.each([
    ['garbage', /is no JSON/],
    ['hangs', /there is no report/],
  ])('refuses the report of one that writes %s', async (behaviour, message) => {
    await launch(behaviour);
    if (behaviour === 'garbage') await until('exited');
    await expect(runner.report(attempt)).rejects.toThrow(BrokenReport);
    await expect(runner.report(attempt)).rejects.toThrow(message);
  });

  it.each([
    ['wrong-digest', /is sha256:.*, the report says sha256:0000/],
    ['escapes', /"\.\.\/x" is no name of a file/],
    ['symlink', /is a link/],
    ['hardlink', /is a link/],
  ])('refuses the file of a report with %s', async (behaviour, message) => {
    await launch(behaviour);
    expect((await until('exited')).exitCode).toBe(0);
    const [artifact] = (await runner.report(attempt)).artifacts;
    await expect(runner.outputPath(attempt, artifact!)).rejects.toThrow(BrokenReport);
    await expect(runner.outputPath(attempt, artifact!)).rejects.toThrow(message);
  });

  it('counts what an attempt has written', async () => {
    await launch('fills');
    const seen = await until('running', ({ outputBytes }) => outputBytes > options.maxOutputBytes);
    expect(seen.outputBytes).toBeGreaterThan(1_000_000);
  });

  it('hands no credentials on', async () => {
    process.env['RATCHET_TEST_SECRET'] = 'hidden';
    await launch('shows-environment');
    await until('exited');
    const environment = readFileSync(join(folder, attempt.name, 'output', 'environment'), 'utf8');
    expect(environment).toMatch(/^RATCHET_ATTEMPT=digits-t1-job-a1$/m);
    expect(environment).toMatch(/^OMP_NUM_THREADS=1$/m);
    expect(environment).not.toMatch(/hidden|DATABASE_URL|TOKEN/);
    delete process.env['RATCHET_TEST_SECRET'];
  });

  it('a new control plane finds what the one before it started, running and finished', async () => {
    await launch('slow');
    await until('running', (seen) => seen.progress !== null);
    runner = make();
    await until('running', (seen) => seen.progress?.message === 'started');
    writeFileSync(join(folder, attempt.name, 'go'), '');
    runner = make();
    expect((await until('exited')).exitCode).toBe(0);
    expect((await runner.report(attempt)).artifacts).toHaveLength(1);
  });

  it('outlives a control plane that is killed, and leaves its exit code', async () => {
    // A parent of its own, killed like a control plane: the wrapper must neither die nor block.
    await mkdir(join(folder, attempt.name, 'output'), { recursive: true });
    const script = `const { spawn } = require('node:child_process');
      const child = spawn('/bin/sh', ['-c', process.argv[1], 'w', process.argv[2], '1000', '/bin/sh', '-c', 'sleep 0.5; exit 7'],
        { detached: true, stdio: 'ignore', env: { PATH: '/usr/bin:/bin', RATCHET_ATTEMPT: process.argv[3], RATCHET_INSTALL: process.argv[4] } });
      child.once('spawn', () => process.kill(process.pid, 'SIGKILL'));`;
    const parent = spawn(process.execPath, [
      '-e',
      script,
      WRAPPER,
      join(folder, attempt.name),
      attempt.name,
      await installId(folder),
    ]);
    await new Promise((done) => parent.once('exit', done));
    expect((await until('exited')).exitCode).toBe(7);
  });

  it('finds an attempt whose folder was claimed and never spawned, and starts it', async () => {
    await mkdir(join(folder, attempt.name, 'output'), { recursive: true });
    expect(await runner.observe(attempt)).toEqual({ state: 'absent' });
    await launch('succeeds');
    expect((await until('exited')).exitCode).toBe(0);
  });

  it('does not take a recycled process id for its own', async () => {
    await mkdir(join(folder, attempt.name, 'output'), { recursive: true });
    const stat = execFileSync('cat', [`/proc/${process.pid}/stat`], { encoding: 'utf8' });
    const fields = stat.trim().split(' ');
    fields[21] = '1';
    writeFileSync(join(folder, attempt.name, 'pid'), `${fields.join(' ')}\n`);
    expect(await runner.observe(attempt)).toMatchObject({ state: 'exited', exitCode: null });
    await runner.stop(attempt);
  });

  it('sweeps what no job knows, and only that', async () => {
    const other = attemptOf('digits-t2-job', 1);
    await launch('hangs');
    await launch('forks', other);
    await until('running', (seen) => seen.progress !== null);
    expect(await runner.sweep(() => Promise.resolve(new Set([attempt.name])))).toEqual([other.name]);
    expect((await runner.observe(attempt)).state).toBe('running');
    expect(await runner.observe(other)).toMatchObject({ state: 'exited' });
  });

  it("never touches another installation's attempts", async () => {
    await launch('hangs');
    const elsewhere = mkdtempSync(join(tmpdir(), 'ratchet-jobs-'));
    const stranger = new LocalProcessRunner({ ...options, workFolder: elsewhere });
    expect(await stranger.sweep(() => Promise.resolve(new Set()))).toEqual([]);
    expect((await runner.observe(attempt)).state).toBe('running');
    rmSync(elsewhere, { recursive: true });
  });

  it('removes the folders of old attempts, but of none that is wanted or runs, and nothing else', async () => {
    const [old, wanted, running] = [1, 2, 3].map((number) => attemptOf('digits-t1-job', number));
    for (const { name } of [old!, wanted!]) {
      await mkdir(join(folder, name, 'output'), { recursive: true });
      writeFileSync(join(folder, name, 'job.json'), '{}');
    }
    await mkdir(join(folder, 'not-ours'));
    await launch('hangs', running);
    const [past, future] = [new Date(Date.now() - 60_000), new Date(Date.now() + 60_000)];
    expect(await runner.clear(new Set(), past)).toEqual([]);
    expect(await runner.clear(new Set([wanted!.name]), future)).toEqual([old!.name]);
    for (const name of [wanted!.name, running!.name, 'not-ours', 'install-id'])
      expect(existsSync(join(folder, name))).toBe(true);
  });

  it('refuses a name that is a path, and says which program is missing', async () => {
    await expect(launch('succeeds', { number: 1, name: '../evil' })).rejects.toThrow(UnsafeAttemptName);
    expect(existsSync(join(folder, '..', 'evil'))).toBe(false);
    const poor = new LocalProcessRunner({ ...options, workFolder: folder, python: join(folder, 'no-python') });
    await expect(poor.launch(attempt, {})).rejects.toThrow(RunnerUnavailable);
  });

  it('gives a digest for nothing it did not hash', async () => {
    await launch('succeeds');
    await until('exited');
    const artifact = { ...(await runner.report(attempt)).artifacts[0]!, digest: digestOf('e') };
    await expect(runner.outputPath(attempt, artifact)).rejects.toThrow(/the report says sha256:eeee/);
  });
});
