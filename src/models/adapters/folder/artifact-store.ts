import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { type Digest, isDigest, NotFound } from '../../../kernel/index.js';
import { ArtifactCorrupt } from '../../domain/errors.js';
import { artifactBytesStored, artifactsCorrupt } from '../../metrics.js';
import { ArtifactStore } from '../../ports.js';
import { copyHashed, digestOf, openRegularFile } from './hashed-copy.js';

/**
 * Artifacts as files named by their digest: `<folder>/sha256/<first two digits>/<all 64>`. A file appears under its name
 * only whole and synced; from then on it is read-only, and every read hashes it afresh.
 */
@Injectable()
export class FolderArtifactStore extends ArtifactStore {
  private readonly folder: string;

  constructor(
    folder: string,
    private readonly limitBytes: number,
  ) {
    super();
    this.folder = resolve(folder);
  }

  override async putFile(path: string): Promise<{ digest: Digest; sizeBytes: number }> {
    const source = await openRegularFile(path);
    try {
      return await this.put(source.createReadStream({ autoClose: false }));
    } finally {
      await source.close();
    }
  }

  override putBytes(bytes: Uint8Array): Promise<{ digest: Digest; sizeBytes: number }> {
    return this.put(Readable.from([bytes]));
  }

  override async verifiedPath(digest: Digest): Promise<string> {
    const path = this.pathOf(digest);
    const found = await digestOf(path);
    if (found === null) throw new NotFound('artifact', digest);
    if (found !== digest) {
      artifactsCorrupt.inc();
      throw new ArtifactCorrupt(digest, found);
    }
    return path;
  }

  override async exists(digest: Digest): Promise<boolean> {
    if (!isDigest(digest)) return false;
    const file = await stat(this.pathOf(digest)).catch(missing);
    return file?.isFile() === true;
  }

  /** Removes what uploads left half-written whose process died; returns how many files. */
  async removeLeftovers(olderThan: Date): Promise<number> {
    const folder = join(this.folder, 'tmp');
    const names = await readdir(folder).catch(missing);
    let removed = 0;
    for (const path of (names ?? []).map((name) => join(folder, name))) {
      const file = await stat(path).catch(missing);
      // Another process of this installation may be writing its own right now.
      if (file === null || file.mtime >= olderThan) continue;
      await rm(path, { force: true });
      removed += 1;
    }
    return removed;
  }

  private async put(source: Readable): Promise<{ digest: Digest; sizeBytes: number }> {
    const temporary = join(this.folder, 'tmp', randomBytes(12).toString('hex'));
    await mkdir(dirname(temporary), { recursive: true, mode: 0o700 });
    try {
      const { digest, sizeBytes } = await copyHashed(source, temporary, this.limitBytes);
      // What is there already may have been damaged since; then the good bytes take its place.
      if ((await digestOf(this.pathOf(digest))) !== digest) await this.publish(temporary, digest, sizeBytes);
      return { digest, sizeBytes };
    } finally {
      await rm(temporary, { force: true });
    }
  }

  private async publish(temporary: string, digest: Digest, sizeBytes: number): Promise<void> {
    const path = this.pathOf(digest);
    await mkdir(dirname(path), { recursive: true });
    await chmod(temporary, 0o444);
    await rename(temporary, path);
    // The name is durable only when its folder is.
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
    artifactBytesStored.inc(sizeBytes);
  }

  /** @throws NotFound for what is no digest, so that no other path can be asked for */
  private pathOf(digest: Digest): string {
    if (!isDigest(digest)) throw new NotFound('artifact', digest);
    const hex = digest.slice('sha256:'.length);
    return join(this.folder, 'sha256', hex.slice(0, 2), hex);
  }
}

function missing(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
