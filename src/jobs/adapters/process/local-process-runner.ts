import { spawn } from 'node:child_process';
import { access, constants, mkdir, open, rename, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import type { AttemptObservation } from '../../domain/attempt.js';
import { RunnerUnavailable } from '../../domain/errors.js';
import type { JobAttempt } from '../../domain/job.js';
import type { ReportedArtifact, RunnerReport } from '../../domain/report.js';
import { Runner } from '../../ports.js';
import { jobsSettings, type JobsSettings } from '../../settings.js';
import { AttemptFolder } from './attempt-folder.js';
import { folderBytes } from './bounded-files.js';
import { installId } from './install-id.js';
import { isAlive, markedProcesses, signal } from './process-table.js';
import { removeOldAttempts } from './old-attempts.js';
import { readReport, verifiedOutput } from './read-report.js';
import { WRAPPER } from './wrapper.js';

/** What of the settings this adapter reads. */
type Options = Pick<JobsSettings, 'workFolder' | 'python' | 'path' | 'maxOutputBytes' | 'stopGraceSeconds'>;

const POLL_MS = 50;
const KILL_WAIT_MS = 5000;

/**
 * Runs attempts as processes on this machine. Everything that is known of an attempt is in its folder and in the process
 * table, nothing in memory, so a control plane that starts anew sees what the one before it started.
 */
@Injectable()
export class LocalProcessRunner extends Runner {
  private readonly workFolder: string;
  private install: Promise<string> | null = null;

  constructor(@Inject(jobsSettings.token) private readonly options: Options) {
    super();
    this.workFolder = resolve(options.workFolder);
  }

  override async launch(attempt: JobAttempt, document: Readonly<Record<string, unknown>>): Promise<void> {
    const folder = this.folder(attempt.name);
    if ((await folder.identity()) !== null) return;
    const python = resolve(this.options.python);
    try {
      await access(python, constants.X_OK);
    } catch (cause) {
      throw new RunnerUnavailable(attempt.name, `there is no program ${this.options.python}`, { cause });
    }
    await mkdir(folder.output, { recursive: true, mode: 0o700 });
    await writeFile(`${folder.jobDocument}.tmp`, JSON.stringify(document, null, 2), { mode: 0o600 });
    await rename(`${folder.jobDocument}.tmp`, folder.jobDocument);
    await this.spawn(folder, document, [
      python,
      '-m',
      'ratchet_runners',
      'run',
      folder.jobDocument,
      '--output',
      folder.output,
    ]);
  }

  override async observe(attempt: JobAttempt): Promise<AttemptObservation> {
    const folder = this.folder(attempt.name);
    const claim = await folder.identity();
    if (claim === null) return { state: 'absent' };
    // Liveness first: a wrapper that ends after this look has written its exit code by the next one.
    const alive = await isAlive(claim.identity);
    const exit = await folder.exit();
    const outputBytes = await folderBytes(folder.path);
    return alive && exit === null
      ? this.running(folder, claim.since, outputBytes)
      : this.exited(folder, exit, outputBytes);
  }

  override report(attempt: JobAttempt): Promise<RunnerReport> {
    return readReport(this.folder(attempt.name));
  }

  override outputPath(attempt: JobAttempt, artifact: ReportedArtifact): Promise<string> {
    return verifiedOutput(this.folder(attempt.name), artifact);
  }

  override async stop(attempt: JobAttempt): Promise<void> {
    if (await this.sendAll(attempt.name, 'SIGTERM')) return;
    if (await this.goneWithin(attempt.name, this.options.stopGraceSeconds * 1000)) return;
    // Again and again, because a process may fork while it is being killed.
    for (let waited = 0; waited < KILL_WAIT_MS; waited += POLL_MS) {
      if (await this.sendAll(attempt.name, 'SIGKILL')) return;
      await pause(POLL_MS);
    }
    throw new RunnerUnavailable(attempt.name, 'its processes do not die');
  }

  override async sweep(known: () => Promise<ReadonlySet<string>>): Promise<string[]> {
    const running = new Set((await markedProcesses(await this.installId())).map((process) => process.attempt));
    if (running.size === 0) return [];
    const wanted = await known();
    const orphans = [...running].filter((name) => !wanted.has(name));
    for (const name of orphans) await this.stop({ name, number: 0 });
    return orphans;
  }

  override async clear(known: ReadonlySet<string>, before: Date): Promise<string[]> {
    const running = (await markedProcesses(await this.installId())).map((process) => process.attempt);
    return removeOldAttempts(this.workFolder, new Set([...known, ...running]), before);
  }

  private async running(folder: AttemptFolder, since: Date, outputBytes: number): Promise<AttemptObservation> {
    const newest = await folder.newestProgress();
    return {
      state: 'running',
      heartbeatAt: newest?.at ?? since,
      progress: newest?.progress ?? null,
      outputBytes,
    };
  }

  private async exited(
    folder: AttemptFolder,
    exit: { readonly code: number; readonly at: Date } | null,
    outputBytes: number,
  ): Promise<AttemptObservation> {
    return {
      state: 'exited',
      exitCode: exit?.code ?? null,
      signal: exit === null ? null : signalOf(exit.code),
      error: exit?.code === 0 ? null : await folder.error(),
      logTail: await folder.logTail(),
      endedAt: exit?.at ?? null,
      outputBytes,
    };
  }

  private folder(name: string): AttemptFolder {
    return new AttemptFolder(this.workFolder, name);
  }

  private installId(): Promise<string> {
    this.install ??= installId(this.workFolder);
    return this.install;
  }

  private async spawn(
    folder: AttemptFolder,
    document: Readonly<Record<string, unknown>>,
    command: string[],
  ): Promise<void> {
    const blocks = String(Math.ceil(this.options.maxOutputBytes / 512));
    const log = await open(folder.log, 'a', 0o600);
    try {
      const child = spawn('/bin/sh', ['-c', WRAPPER, 'ratchet-attempt', folder.path, blocks, ...command], {
        cwd: folder.path,
        // A session of its own: what ends us, a terminal's Ctrl-C included, does not reach it.
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
        env: this.environment(folder.name, await this.installId(), threadsOf(document)),
      });
      await new Promise<void>((done, failed) => {
        child.once('spawn', done);
        child.once('error', (cause) => {
          failed(new RunnerUnavailable(folder.name, cause.message, { cause }));
        });
      });
      child.unref();
      await this.claimed(folder);
    } finally {
      await log.close();
    }
  }

  /** Waits until the wrapper has claimed the attempt, so that the next look at it finds it. */
  private async claimed(folder: AttemptFolder): Promise<void> {
    for (let waited = 0; waited < KILL_WAIT_MS; waited += POLL_MS) {
      if ((await folder.identity()) !== null) return;
      await pause(POLL_MS);
    }
    throw new RunnerUnavailable(folder.name, 'its wrapper did not start');
  }

  /** All that a runner gets to see: no credentials, no proxy, no settings of ours. */
  private environment(attempt: string, install: string, threads: string): Record<string, string> {
    return {
      PATH: this.options.path,
      HOME: homedir(),
      LANG: 'C.UTF-8',
      PYTHONUNBUFFERED: '1',
      OMP_NUM_THREADS: threads,
      MKL_NUM_THREADS: threads,
      OPENBLAS_NUM_THREADS: threads,
      OMP_WAIT_POLICY: 'PASSIVE',
      RATCHET_ATTEMPT: attempt,
      RATCHET_INSTALL: install,
    };
  }

  private async goneWithin(name: string, milliseconds: number): Promise<boolean> {
    for (let waited = 0; waited < milliseconds; waited += POLL_MS) {
      if ((await this.targets(name)).length === 0) return true;
      await pause(POLL_MS);
    }
    return false;
  }

  /** Signals every group and process of the attempt; true when there was none left. */
  private async sendAll(name: string, what: NodeJS.Signals): Promise<boolean> {
    const targets = await this.targets(name);
    for (const target of targets) signal(target, what);
    return targets.length === 0;
  }

  /** What to signal: the wrapper's group while it lives, and every marked process, wherever it went. */
  private async targets(name: string): Promise<number[]> {
    const marked = (await markedProcesses(await this.installId())).filter((process) => process.attempt === name);
    const claim = await this.folder(name).identity();
    const group = claim !== null && (await isAlive(claim.identity)) ? claim.identity.pid : null;
    const targets = new Set(marked.filter((process) => process.group !== group).map((process) => process.pid));
    if (group !== null) targets.add(-group);
    return [...targets];
  }
}

function threadsOf(document: Readonly<Record<string, unknown>>): string {
  const limits = document['limits'] as { readonly threads?: unknown } | undefined;
  return typeof limits?.threads === 'number' ? String(limits.threads) : '1';
}

/** Shells report a death by signal n as 128 + n. */
function signalOf(code: number): string | null {
  const names: Readonly<Record<number, string>> = {
    129: 'SIGHUP',
    130: 'SIGINT',
    134: 'SIGABRT',
    137: 'SIGKILL',
    139: 'SIGSEGV',
    143: 'SIGTERM',
    153: 'SIGXFSZ',
  };
  return names[code] ?? null;
}
