import { readdir, readFile } from 'node:fs/promises';

/** A process and when it started, so that a recycled id is never taken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot (`/proc/<pid>/stat`, field 22); null where there is no /proc. */
  readonly startTicks: string | null;
  /** Which boot it belongs to; null where that is not known. */
  readonly boot: string | null;
}

export interface MarkedProcess {
  readonly pid: number;
  readonly group: number;
  readonly attempt: string;
}

/** Reads what the wrapper wrote: its line of /proc/<pid>/stat (or just its id), then the boot's id. */
export function parseIdentity(text: string): ProcessIdentity | null {
  const [statLine = '', boot = ''] = text.split('\n');
  const pid = Number.parseInt(statLine, 10);
  if (!Number.isInteger(pid) || pid <= 1) return null;
  return { pid, startTicks: parseStat(statLine)?.startTicks ?? null, boot: boot.trim() === '' ? null : boot.trim() };
}

/** True while exactly this process runs; a zombie does not. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  if (identity.startTicks === null) return answersSignal(identity.pid);
  if (identity.boot !== null && identity.boot !== (await bootId())) return false;
  const stat = await readStat(identity.pid);
  return stat !== null && stat.startTicks === identity.startTicks && stat.state !== 'Z' && stat.state !== 'X';
}

/** Processes whose environment carries this installation's mark. Empty where there is no /proc. */
export async function markedProcesses(install: string): Promise<MarkedProcess[]> {
  const ids = (await entries('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: MarkedProcess[] = [];
  for (const pid of ids) {
    const environment = await readOr(`/proc/${pid}/environ`, '');
    if (!environment.includes(`RATCHET_INSTALL=${install}\0`)) continue;
    const attempt = /(?:^|\0)RATCHET_ATTEMPT=([^\0]+)\0/.exec(environment)?.[1];
    const stat = await readStat(pid);
    if (attempt === undefined || stat === null || stat.state === 'Z') continue;
    found.push({ pid, group: stat.group, attempt });
  }
  return found;
}

/** Sends a signal to a process (or, with a negative id, a group); false when it is gone already. */
export function signal(pid: number, name: NodeJS.Signals): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function answersSignal(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

interface Stat {
  readonly state: string;
  readonly group: number;
  readonly startTicks: string;
}

/** Fields after the command's name, which may itself hold spaces and brackets. */
function parseStat(line: string): Stat | null {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state, , group] = fields;
  const startTicks = fields[19];
  if (!line.includes(')') || state === undefined || group === undefined || startTicks === undefined) return null;
  return { state, group: Number(group), startTicks: startTicks.trim() };
}

async function readStat(pid: number): Promise<Stat | null> {
  return parseStat(await readOr(`/proc/${pid}/stat`, ''));
}

async function bootId(): Promise<string | null> {
  const text = (await readOr('/proc/sys/kernel/random/boot_id', '')).trim();
  return text === '' ? null : text;
}

/** Files of /proc vanish with their process, and those of others may not be read: both mean "not ours". */
async function readOr(path: string, otherwise: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return otherwise;
  }
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}
