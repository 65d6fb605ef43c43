import { rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { type Digest, failpoint, isDigest, NotFound } from '../../../kernel/index.js';
import { ArtifactCorrupt, ArtifactStoreUnavailable } from '../../domain/errors.js';
import { artifactBytesStored, artifactsCorrupt } from '../../metrics.js';
import { ArtifactStaging, ArtifactStore } from '../../ports.js';
import { plainArea } from '../folder/artifact-staging.js';
import { copyHashed, openRegularFile } from '../folder/hashed-copy.js';
import type { ArtifactCache } from './artifact-cache.js';
import type { Bucket } from './bucket.js';

/**
 * Artifacts as objects named by their digest: `<prefix>sha256/<first two digits>/<all 64>`. What is there is never
 * overwritten; every read is hashed, from the cache or on its way into it.
 */
export class S3ArtifactStore extends ArtifactStore {
  constructor(
    private readonly bucket: Bucket,
    private readonly cache: ArtifactCache,
    private readonly limitBytes: number,
    /** Before the keys of this store, within the bucket's own prefix. */
    private readonly within = '',
  ) {
    super();
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
    const key = this.keyOf(digest);
    const here = await this.cache.find(digest);
    // An area that was removed has nothing any more, even though its bytes may still be in the cache.
    if (here !== null && (this.within === '' || (await this.bucket.size(key)) !== null)) return here;
    const body = await this.bucket.read(key);
    if (body === null) throw new NotFound('artifact', digest);
    const temporary = await this.cache.temporary();
    try {
      const found = await copyHashed(body, temporary, this.limitBytes).catch((cause: unknown) => {
        throw brokenOff(cause);
      });
      if (found.digest === digest) return await this.cache.keep(temporary, digest);
      artifactsCorrupt.inc();
      throw new ArtifactCorrupt(digest, found.digest);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  override async exists(digest: Digest): Promise<boolean> {
    return isDigest(digest) && (await this.bucket.size(this.keyOf(digest))) !== null;
  }

  private async put(source: Readable): Promise<{ digest: Digest; sizeBytes: number }> {
    const temporary = await this.cache.temporary();
    try {
      const { digest, sizeBytes } = await copyHashed(source, temporary, this.limitBytes);
      const there = await this.bucket.size(this.keyOf(digest));
      if (there !== sizeBytes) {
        failpoint('models.store-object:before');
        // Bytes of another length cannot be the right ones: then, and only then, what is there gives way.
        await this.bucket.write(this.keyOf(digest), temporary, sizeBytes, there !== null);
        failpoint('models.store-object:after');
        artifactBytesStored.inc(sizeBytes);
      }
      await this.cache.keep(temporary, digest);
      return { digest, sizeBytes };
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** @throws NotFound for what is no digest, so that no other key can be asked for */
  private keyOf(digest: Digest): string {
    if (!isDigest(digest)) throw new NotFound('artifact', digest);
    const hex = digest.slice('sha256:'.length);
    return `${this.within}sha256/${hex.slice(0, 2)}/${hex}`;
  }
}

/** Areas as keys `<prefix>staging/<area>/…`, with a cache of their own: what is cached as an artifact has to be one. */
export class S3ArtifactStaging extends ArtifactStaging {
  constructor(
    private readonly bucket: Bucket,
    private readonly cache: ArtifactCache,
    private readonly limitBytes: number,
  ) {
    super();
  }

  override area(name: string): ArtifactStore {
    return new S3ArtifactStore(this.bucket, this.cache, this.limitBytes, `staging/${plainArea(name)}/`);
  }

  override remove(name: string): Promise<void> {
    return this.bucket.removeAll(`staging/${plainArea(name)}/`);
  }
}

/** A download that ends early is the network's fault, not the artifact's. */
function brokenOff(cause: unknown): unknown {
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  const network = code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ETIMEDOUT';
  return network ? new ArtifactStoreUnavailable('read an artifact', 'the download broke off', { cause }) : cause;
}
