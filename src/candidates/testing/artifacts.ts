import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, NotFound } from '../../kernel/index.js';
import { ArtifactStore } from '../../models/index.js';

/** Keeps artifacts as files of one folder, unverified. */
export class FolderOfArtifacts extends ArtifactStore {
  private readonly paths = new Map<Digest, string>();

  constructor(private readonly folder: string) {
    super();
  }
  /** The digest under which these bytes are kept now. */
  add(bytes: Uint8Array): Digest {
    const hex = createHash('sha256').update(bytes).digest('hex');
    const path = join(this.folder, hex);
    writeFileSync(path, bytes);
    this.paths.set(`sha256:${hex}`, path);
    return `sha256:${hex}`;
  }
  async putFile(path: string) {
    return this.putBytes(await readFile(path));
  }
  async putBytes(bytes: Uint8Array) {
    return { digest: this.add(bytes), sizeBytes: bytes.length };
  }
  async verifiedPath(digest: Digest): Promise<string> {
    const path = this.paths.get(digest);
    if (path === undefined) throw new NotFound('artifact', digest);
    return path;
  }
  async exists(digest: Digest): Promise<boolean> {
    return this.paths.has(digest);
  }
}
