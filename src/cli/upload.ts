import { createHash } from 'node:crypto';
import { createReadStream, openAsBlob } from 'node:fs';
import { Failure } from './failure.js';
import { cannotRead } from './read-file.js';
import type { Session } from './session.js';

/** Uploads a file and answers its digest, which is compared with the one computed here. */
export async function uploadArtifact(session: Session, path: string): Promise<string> {
  const here = await digestOf(path);
  const file = await openAsBlob(path);
  const { digest, sizeBytes } = await session.client.upload<{ digest: string; sizeBytes: number }>('/artifacts', file);
  if (digest !== here) throw new Failure(`${path} was changed on its way: ${here} was sent and ${digest} was stored.`);
  session.note(`uploaded ${path} (${sizeBytes} bytes) as ${digest}`);
  return digest;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) hash.update(chunk);
  } catch (error) {
    throw cannotRead(path, error);
  }
  return `sha256:${hash.digest('hex')}`;
}
