/** Processes that are pinned to a core, and what they cost. */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

const TICKS = Number(execFileSync('getconf', ['CLK_TCK']).toString());

/** Starts Node on one core; `core` wraps around. */
export function spawnPinned(core, args, options = {}) {
  return spawn('taskset', ['-c', String(core % cpus().length), process.execPath, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options,
  });
}

/** What a pinned program prints, as JSON. */
export async function outputOf(core, args) {
  const child = spawnPinned(core, args);
  child.stderr.resume();
  let text = '';
  child.stdout.on('data', (chunk) => (text += chunk));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  return JSON.parse(text);
}

/** CPU microseconds and resident bytes of a process. */
export function usageOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpuUs: ((Number(fields[11]) + Number(fields[12])) / TICKS) * 1e6,
    rssBytes: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024,
  };
}

/** Ends a process in order, and for good when it does not. */
export async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await closed;
  clearTimeout(timer);
}

/** The middle one. */
export function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
