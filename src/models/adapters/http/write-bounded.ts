import { createWriteStream } from 'node:fs';
import { type Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { InvalidInput } from '../../../kernel/index.js';
import { ArtifactTooLarge } from '../../domain/errors.js';

/**
 * Writes a stream into a new file and stops reading at the bound.
 * @throws ArtifactTooLarge @throws InvalidInput when the sender went away before the end, or sent nothing
 */
export async function writeBounded(source: Readable, path: string, limitBytes: number): Promise<void> {
  let sizeBytes = 0;
  const bound = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      sizeBytes += chunk.length;
      if (sizeBytes > limitBytes) done(new ArtifactTooLarge(sizeBytes, limitBytes));
      else done(null, chunk);
    },
  });
  try {
    await pipeline(source, bound, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE')
      throw incomplete('ended before its announced length');
    throw error;
  }
  if (sizeBytes === 0) throw incomplete('is empty');
}

function incomplete(message: string): InvalidInput {
  return new InvalidInput('The upload', [{ path: '', message }]);
}
