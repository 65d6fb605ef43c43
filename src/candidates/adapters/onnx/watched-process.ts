import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';

export interface Limits {
  readonly maxRssBytes: number;
  readonly wallMs: number;
}

export interface Ended {
  /** What it wrote to standard output, bounded. */
  readonly output: string;
  readonly errorTail: string;
  /** Why it was killed by us; null when it ended by itself. */
  readonly killed: 'memory' | 'time' | null;
  readonly exitCode: number | null;
  readonly signal: string | null;
}

const POLL_MS = 50;
const MOST_OUTPUT = 1_000_000;

/** Runs a program with nothing of our environment, and kills it when it goes beyond its limits. Never rejects for what it does. */
export function runWatched(program: string, args: readonly string[], cwd: string, limits: Limits): Promise<Ended> {
  return new Promise((done, failed) => {
    const child = spawn(program, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { LANG: 'C.UTF-8', OMP_NUM_THREADS: '1', OMP_WAIT_POLICY: 'PASSIVE' },
    });
    let output = '';
    let errorTail = '';
    let killed: Ended['killed'] = null;
    const kill = (why: NonNullable<Ended['killed']>): void => {
      killed ??= why;
      child.kill('SIGKILL');
    };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      if (output.length < MOST_OUTPUT) output += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      errorTail = (errorTail + chunk).slice(-2000);
    });
    const wall = setTimeout(() => {
      kill('time');
    }, limits.wallMs);
    const poll = setInterval(() => {
      void residentBytes(child.pid).then((bytes) => {
        if (bytes > limits.maxRssBytes) kill('memory');
      });
    }, POLL_MS);
    const rest = (): void => {
      clearTimeout(wall);
      clearInterval(poll);
    };
    child.once('error', (error) => {
      rest();
      failed(error);
    });
    child.once('close', (exitCode, signal) => {
      rest();
      done({ output, errorTail, killed, exitCode, signal });
    });
  });
}

/** Largest memory that the process had so far; 0 where /proc is not to be had. */
async function residentBytes(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    // It has just ended, or this system has no /proc: the watch inside the process and the wall time are left.
    return 0;
  }
}
