import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Entries of an attempt's folder that are counted at most; more are more than any recipe makes. */
const MOST_ENTRIES = 10_000;

/** True when `error` says that the file is not there. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'ENOENT';
}

/** Opens a regular file that has one name only; never follows a link. Returns null when there is none. */
export async function openPlain(path: string): Promise<FileHandle | 'not a plain file' | null> {
  let handle: FileHandle;
  try {
    // Non-blocking, because opening a pipe that nobody writes would wait for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return null;
    return 'not a plain file';
  }
  const stats = await handle.stat();
  if (stats.isFile() && stats.nlink === 1) return handle;
  await handle.close();
  return 'not a plain file';
}

/** The last `most` bytes of a file as text; empty when there is no such file. */
export async function readTail(path: string, most: number): Promise<string> {
  const handle = await openPlain(path);
  if (handle === null || handle === 'not a plain file') return '';
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, most);
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await handle.read(buffer, 0, length, size - length);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Bytes of everything below `folder`; infinite when it holds more entries than anybody would count. */
export async function folderBytes(folder: string): Promise<number> {
  const open = [folder];
  let bytes = 0;
  let entries = 0;
  for (let current = open.pop(); current !== undefined; current = open.pop()) {
    for (const entry of await entriesOf(current)) {
      entries += 1;
      if (entries > MOST_ENTRIES) return Number.POSITIVE_INFINITY;
      const path = join(current, entry.name);
      if (entry.isDirectory()) open.push(path);
      else bytes += await fileBytes(path);
    }
  }
  return bytes;
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

async function fileBytes(path: string): Promise<number> {
  try {
    return (await lstat(path)).size;
  } catch (error) {
    // It was renamed or removed since the folder was listed.
    if (isMissing(error)) return 0;
    throw error;
  }
}
