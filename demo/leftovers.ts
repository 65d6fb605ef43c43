import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Ends processes of an earlier demo that was killed: whatever names the demo's folder in its command line or settings. */
export async function endLeftovers(folder: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const pids = processesOf(folder);
    if (pids.length === 0) return;
    for (const pid of pids) endProcess(pid, signal);
    for (let tries = 0; tries < 50 && processesOf(folder).length > 0; tries += 1) await delay(100);
  }
}

function processesOf(folder: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && names(pid, `${folder}/`));
}

function names(pid: number, text: string): boolean {
  return ['cmdline', 'environ'].some((file) => {
    try {
      return readFileSync(join('/proc', String(pid), file), 'utf8').includes(text);
    } catch {
      return false; // it ended meanwhile, or is not ours to read
    }
  });
}

function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended meanwhile
  }
}
