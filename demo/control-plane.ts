import { type ChildProcess, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const START_TIMEOUT_MS = 60_000;

/** Thrown when the control plane does not start; its log says why. */
export class ControlPlaneFailed extends Error {
  constructor(what: string, logFile: string) {
    super(`The control plane ${what}; its log is ${logFile}`);
    this.name = 'ControlPlaneFailed';
  }
}

/** The program under demonstration as a process of its own: started, killed and started again like any other server. */
export class ControlPlane {
  readonly url: string;
  readonly logFile: string;
  private child: ChildProcess | null = null;

  constructor(
    private readonly root: string,
    private readonly folder: string,
    private readonly port: number,
    /** What it is started with beside the demo's own settings. */
    private readonly extra: Readonly<Record<string, string>> = {},
  ) {
    this.url = `http://127.0.0.1:${port}`;
    this.logFile = join(folder, 'control-plane.log');
  }

  /** Resolves when it is ready to serve. */
  async start(): Promise<void> {
    const log = openSync(this.logFile, 'a');
    const child = spawn(process.execPath, ['--enable-source-maps', join(this.root, 'dist/main.js')], {
      cwd: this.root,
      stdio: ['ignore', log, log],
      env: { ...process.env, ...this.environment() },
    });
    this.child = child;
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await this.isReady())) {
      if (child.exitCode !== null) throw new ControlPlaneFailed(`ended with exit code ${child.exitCode}`, this.logFile);
      if (Date.now() > deadline) throw new ControlPlaneFailed('is not ready in time', this.logFile);
      await delay(100);
    }
  }

  /** SIGKILL: no goodbye, nothing saved. The embedded database and running jobs live on. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** An orderly stop, the embedded database included. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((done) => child.once('exit', done));
    child.kill(signal);
    await ended;
  }

  private async isReady(): Promise<boolean> {
    try {
      const response = await fetch(`${this.url}/readyz`, { signal: AbortSignal.timeout(2_000) });
      return response.ok;
    } catch {
      return false;
    }
  }

  private environment(): Record<string, string> {
    return {
      RATCHET_HTTP_PORT: String(this.port),
      RATCHET_DATABASE_FOLDER: join(this.folder, 'postgres'),
      RATCHET_MODELS_ARTIFACT_FOLDER: join(this.folder, 'artifacts'),
      RATCHET_JOBS_WORK_FOLDER: join(this.folder, 'jobs'),
      RATCHET_MONITORS_WINDOW_GRACE_MS: '3000',
      RATCHET_JOBS_PYTHON: join(this.root, '.venv/bin/python'),
      ...this.extra,
    };
  }
}
