import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * What marks the processes of this installation; made once a work folder. Two control planes that start at the same
 * time agree on it, because only one can make the link.
 */
export async function installId(workFolder: string): Promise<string> {
  await mkdir(workFolder, { recursive: true, mode: 0o700 });
  const path = join(workFolder, 'install-id');
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, randomUUID(), { mode: 0o600 });
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return (await readFile(path, 'utf8')).trim();
}
