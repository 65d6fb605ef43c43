import { spawn } from 'node:child_process';
import { killGroup } from '../setup/lock.mjs';
import { ROOT } from '../setup/places.mjs';

/** Where CI runs the tests nobody looks on: what is missing or skipped is a failure, and a few failures are tried again. */
export const inCi = process.env.CI === 'true';

/**
 * Runs a test program in a process group of its own with our output, and ends the whole group afterwards: no stray server
 * of a crashed test outlives its suite.
 * @param isDone asked once a second; from its first true on the program has `graceMs` to end by itself
 */
export function runSuite(command, args, { env = {}, isDone = () => false, graceMs = 30_000 } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    let hung = false;
    let grace = null;
    const watch = setInterval(() => {
      if (grace !== null || !isDone()) return;
      grace = setTimeout(() => {
        hung = true;
        killGroup(child.pid, 'SIGKILL');
      }, graceMs);
    }, 1_000);
    const stop = (signal) => killGroup(child.pid, signal);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
    const finish = (code, signal) => {
      clearInterval(watch);
      clearTimeout(grace);
      for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(name, stop);
      if (child.pid !== undefined) killGroup(child.pid, 'SIGKILL');
      resolve({ code, signal, hung });
    };
    child.on('error', () => finish(127, null));
    child.on('close', finish);
  });
}
