import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { until } from './until.js';

const ROOT = join(import.meta.dirname, '../..');

/** A program of `dist/` as a process of its own, with nothing of our environment but what it is given. */
export class ProgramUnderTest {
  private readonly child: ChildProcess;
  private text = '';

  constructor(entry: string, environment: Readonly<Record<string, string>>) {
    this.child = spawn(process.execPath, [join(ROOT, 'dist', entry)], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '',
        NODE_COMPILE_CACHE: join(ROOT, '.runtime/compile-cache'),
        ...environment,
      },
    });
    this.child.stderr!.on('data', (data: Buffer) => (this.text += String(data)));
  }

  /** Waits until its log has such a line. @throws Error with its last lines */
  async says(pattern: RegExp, seconds = 60): Promise<void> {
    await until(
      `line like ${pattern}`,
      async () => (pattern.test(this.text) ? true : null),
      seconds,
      () => this.lastLines(),
    );
  }

  /** @throws Error with its last lines when it has ended by itself */
  assertRuns(): void {
    if (this.child.exitCode !== null)
      throw new Error(`It ended with ${this.child.exitCode}: ${this.lastLines().join('\n')}`);
  }

  lastLines(): string[] {
    return this.text.trimEnd().split('\n').slice(-8);
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill('SIGKILL');
    await once(this.child, 'exit');
  }
}
