import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobProgress } from '../../domain/job.js';
import { UnsafeAttemptName } from '../../domain/errors.js';
import { isMissing, readTail } from './bounded-files.js';
import { errorSchema, progressSchema } from './report-schema.js';
import { parseIdentity, type ProcessIdentity } from './process-table.js';

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;
const TAIL_BYTES = 64 * 1024;

/** The files of one attempt; every read is bounded, because a runner may write anything. */
export class AttemptFolder {
  readonly path: string;

  /** @throws UnsafeAttemptName */
  constructor(
    workFolder: string,
    readonly name: string,
  ) {
    if (!NAME.test(name)) throw new UnsafeAttemptName(name);
    this.path = join(workFolder, name);
  }

  get jobDocument(): string {
    return join(this.path, 'job.json');
  }
  get output(): string {
    return join(this.path, 'output');
  }
  get log(): string {
    return join(this.path, 'runner.log');
  }

  async exists(): Promise<boolean> {
    return (await timeOf(this.path)) !== null;
  }

  /** Who runs it, as the wrapper noted when it claimed the attempt, and since when; null before that. */
  async identity(): Promise<{ readonly identity: ProcessIdentity; readonly since: Date } | null> {
    const path = join(this.path, 'pid');
    const identity = parseIdentity(await readTail(path, 4096));
    const since = await timeOf(path);
    return identity === null || since === null ? null : { identity, since };
  }

  /** How it ended, once it did and its wrapper lived to tell. */
  async exit(): Promise<{ readonly code: number; readonly at: Date } | null> {
    const path = join(this.path, 'exit');
    const text = (await readTail(path, 64)).trim();
    const at = await timeOf(path);
    return /^\d+$/.test(text) && at !== null ? { code: Number(text), at } : null;
  }

  /** The newest line of `progress.jsonl` that is one; whatever else is in the file is passed over. */
  async newestProgress(): Promise<{ readonly at: Date; readonly progress: JobProgress } | null> {
    const path = join(this.output, 'progress.jsonl');
    const tail = await readTail(path, TAIL_BYTES);
    const written = await timeOf(path);
    for (const line of tail.split('\n').reverse()) {
      const parsed = progressSchema.safeParse(parseJson(line));
      if (!parsed.success) continue;
      const { at, progress } = parsed.data;
      // A line that claims to be from the future would keep a hung runner alive.
      return { at: written !== null && written < at ? written : at, progress };
    }
    return null;
  }

  /** What the runner said about its failure. */
  async error(): Promise<string | null> {
    const parsed = errorSchema.safeParse(parseJson(await readTail(join(this.output, 'error.json'), TAIL_BYTES)));
    return parsed.success ? parsed.data.slice(0, 2000) : null;
  }

  logTail(): Promise<string> {
    return readTail(this.log, 4096);
  }
}

/** The value, or undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function timeOf(path: string): Promise<Date | null> {
  try {
    return new Date((await stat(path)).mtimeMs);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
