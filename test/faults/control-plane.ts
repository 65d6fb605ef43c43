import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { diesWithParent } from '../../scripts/kafka/dies-with-parent.mjs';

const ROOT = join(import.meta.dirname, '../..');
const STANDBY = join(import.meta.dirname, 'standby.mjs');
const KEPT_LINES = 200;

type Environment = Readonly<Record<string, string>>;

/** One process of the program, as it is built in `dist/`. */
export class ControlPlane {
  private readonly child: ChildProcess;
  private readonly lines: string[] = [];
  private readonly watchers = new Set<() => void>();
  /** How it ended: a signal's name or an exit code; null while it runs. */
  ending: string | number | null = null;
  readonly ended: Promise<void>;

  constructor() {
    const [command, prefix] = diesWithParent(process.execPath);
    this.child = spawn(command, [...prefix, STANDBY], {
      cwd: ROOT,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: process.env['HOME'] ?? '',
        NODE_COMPILE_CACHE: join(ROOT, '.runtime/compile-cache'),
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) this.read(stream);
    // It may be gone before it was told to start.
    this.child.stdin?.on('error', () => undefined);
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.ending = (signal as string | null) ?? (code as number);
      this.tell();
    });
  }

  start(environment: Environment): void {
    this.child.stdin?.end(`${JSON.stringify(environment)}\n`);
  }

  /** The first match of what it said, or says from now on; null when it ended without. */
  async said(pattern: RegExp): Promise<RegExpExecArray | null> {
    for (;;) {
      for (const line of this.lines) {
        const match = pattern.exec(line);
        if (match !== null) return match;
      }
      if (this.ending !== null) return null;
      await new Promise<void>((resolve) => this.watchers.add(resolve));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Ends it whatever state it is in. */
  async kill(): Promise<void> {
    if (this.ending === null) this.child.kill('SIGKILL');
    await this.ended;
  }

  get lastLines(): readonly string[] {
    return this.lines;
  }

  private read(stream: NodeJS.ReadableStream | null): void {
    let rest = '';
    stream?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      this.lines.push(...lines);
      this.lines.splice(0, this.lines.length - KEPT_LINES);
      this.tell();
    });
  }

  private tell(): void {
    const watchers = [...this.watchers];
    this.watchers.clear();
    for (const watcher of watchers) watcher();
  }
}
