import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Clock, Digest } from '../../../kernel/index.js';
import { digestOf } from '../folder/hashed-copy.js';

/** Whoever was given a path still opens it within this time. */
const IN_USE_MS = 600_000;

/** Artifacts that were read or written here lately, as files; the bucket has them all. */
export class ArtifactCache {
  private readonly folder: string;

  constructor(
    folder: string,
    private readonly maxBytes: number,
    private readonly clock: Clock,
  ) {
    this.folder = resolve(folder);
  }

  /** Path of the artifact, hashed afresh; null when it is not here, or was damaged and had to go. */
  async find(digest: Digest): Promise<string | null> {
    const path = this.pathOf(digest);
    const found = await digestOf(path);
    if (found === null) return null;
    if (found !== digest) {
      await rm(path, { force: true });
      return null;
    }
    await this.touch(path);
    return path;
  }

  /** A name for a file on its way; on the same file system. */
  async temporary(): Promise<string> {
    const path = join(this.folder, 'tmp', randomBytes(12).toString('hex'));
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return path;
  }

  /** Takes a temporary file with these bytes, and lets go of what was not used for longest. */
  async keep(temporary: string, digest: Digest): Promise<string> {
    const path = this.pathOf(digest);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await chmod(temporary, 0o444);
    await rename(temporary, path);
    await this.touch(path);
    await this.makeRoom();
    return path;
  }

  /** Removes what a process that died left half-written. */
  async removeLeftovers(olderThan: Date): Promise<void> {
    for (const file of await this.filesIn('tmp')) {
      if (file.usedAt < olderThan.getTime()) await rm(file.path, { force: true });
    }
  }

  private async makeRoom(): Promise<void> {
    const files = (await this.filesIn('sha256')).sort((a, b) => a.usedAt - b.usedAt);
    let held = files.reduce((sum, file) => sum + file.bytes, 0);
    for (const file of files) {
      // A bound that took a file away from whoever is about to open it would be worse than a little more disk.
      if (held <= this.maxBytes || file.usedAt > this.clock.now().getTime() - IN_USE_MS) return;
      await rm(file.path, { force: true });
      held -= file.bytes;
    }
  }

  private async filesIn(folder: string) {
    const found: { path: string; bytes: number; usedAt: number }[] = [];
    for (const name of await readdir(join(this.folder, folder)).catch(() => [])) {
      const path = join(this.folder, folder, name);
      const stats = await stat(path).catch(() => null);
      if (stats?.isFile() === true) found.push({ path, bytes: stats.size, usedAt: stats.mtimeMs });
    }
    return found;
  }

  private async touch(path: string): Promise<void> {
    // Somebody else's process may have made room meanwhile; then the next read fetches it again.
    await utimes(path, this.clock.now(), this.clock.now()).catch(() => undefined);
  }

  private pathOf(digest: Digest): string {
    return join(this.folder, 'sha256', digest.slice('sha256:'.length));
  }
}
