import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from './bounded-files.js';

/** Removes attempts' folders that `wanted` does not name and that nothing was made in since `before`; returns names. */
export async function removeOldAttempts(
  workFolder: string,
  wanted: ReadonlySet<string>,
  before: Date,
): Promise<string[]> {
  const removed: string[] = [];
  for (const entry of await readdir(workFolder, { withFileTypes: true })) {
    if (!entry.isDirectory() || wanted.has(entry.name)) continue;
    const path = join(workFolder, entry.name);
    // Only what is an attempt's: the folder may have been put where other things lie.
    const document = await timeOf(join(path, 'job.json'));
    const touched = await timeOf(path);
    if (document === null || touched === null || touched >= before) continue;
    await rm(path, { recursive: true, force: true });
    removed.push(entry.name);
  }
  return removed;
}

async function timeOf(path: string): Promise<Date | null> {
  try {
    return (await stat(path)).mtime;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}
