import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { LOCK, RUNTIME } from './places.mjs';
import { say } from './report.mjs';

/**
 * One set-up at a time in a clone. The lock file names its owner and the program that the owner is running, each with its
 * start time, because a process id alone may have been given to somebody else since.
 */
export async function withLock(work) {
  await acquire();
  try {
    return await work();
  } finally {
    release();
  }
}

/** Notes the program that is at work now; a later set-up ends it if we were killed and it was not. */
export function noteChild(pid) {
  if (ownsLock()) writeOwner({ ...self(), child: pid === null ? null : identity(pid) });
}

export function release() {
  if (ownsLock()) rmSync(LOCK, { force: true });
}

async function acquire() {
  mkdirSync(RUNTIME, { recursive: true });
  let told = 0;
  for (;;) {
    if (tryCreate()) return;
    const owner = readOwner();
    if (owner === 'gone') continue;
    if (owner === null || !isAlive(owner)) {
      takeAwayStale(owner);
      continue;
    }
    if (Date.now() - told > 10_000) {
      say(`another set-up of this clone is at work (process ${owner.pid}); waiting for it`);
      told = Date.now();
    }
    await sleep(300);
  }
}

/** Written aside and linked into place: the lock is never seen half written, and linking fails when one is there. */
function tryCreate() {
  const mine = `${LOCK}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(self()));
  try {
    linkSync(mine, LOCK);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
}

function takeAwayStale(owner) {
  const aside = `${LOCK}.stale.${process.pid}`;
  try {
    renameSync(LOCK, aside);
  } catch {
    return; // somebody else took it away first
  }
  const taken = readOwner(aside);
  if (taken !== null && taken !== 'gone' && isAlive(taken)) {
    // Between our look and our rename a living set-up got the lock: give it back.
    try {
      linkSync(aside, LOCK);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  } else if (owner?.child && isAlive(owner.child)) {
    say(`ending what an interrupted set-up left running (process ${owner.child.pid})`);
    killGroup(owner.child.pid, 'SIGKILL');
  }
  rmSync(aside, { force: true });
}

/** Programs are started as leaders of their own group, so that their children end with them. */
export function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

function ownsLock() {
  const owner = readOwner();
  return (
    owner !== null && owner !== 'gone' && owner.pid === process.pid && owner.started === identity(process.pid).started
  );
}

function writeOwner(owner) {
  const mine = `${LOCK}.${process.pid}`;
  writeFileSync(mine, JSON.stringify(owner));
  renameSync(mine, LOCK);
}

function readOwner(file = LOCK) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    return error.code === 'ENOENT' ? 'gone' : null;
  }
}

function self() {
  return { ...identity(process.pid), child: null };
}

function identity(pid) {
  return { pid, started: startOf(pid) };
}

function isAlive({ pid, started }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error.code === 'ESRCH') return false;
  }
  return started === null || started === startOf(pid);
}

/** Clock ticks from boot to the start of the process; null where the system has no /proc. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? 'zombie' : fields[19];
  } catch {
    return null;
  }
}
