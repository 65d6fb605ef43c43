import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../../../kernel/index.js';

/** A file that only this call knows. */
export interface Received {
  readonly path: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
}

/**
 * Writes what a stream gives into a private file, hashed on the way, for as long as `use` runs; nothing of it is held in
 * memory. `tooLarge` is thrown at the first byte beyond `limitBytes`.
 */
export async function withReceived<T>(
  source: Readable,
  limitBytes: number,
  tooLarge: (bytes: number) => Error,
  use: (received: Received) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-attempt-'));
  try {
    const path = join(folder, 'bytes');
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const meter = new Transform({
      transform(chunk: Uint8Array, _encoding, done) {
        sizeBytes += chunk.length;
        hash.update(chunk);
        if (sizeBytes > limitBytes) done(tooLarge(sizeBytes));
        else done(null, chunk);
      },
    });
    await pipeline(source, meter, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
    return await use({ path, digest: `sha256:${hash.digest('hex')}`, sizeBytes });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The bytes of several files, one after the other. */
export async function* concatenated(paths: () => AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  for await (const path of paths()) yield* createReadStream(path) as AsyncIterable<Uint8Array>;
}
