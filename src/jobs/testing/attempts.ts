import { createHash } from 'node:crypto';
import type { Digest } from '../../kernel/index.js';
import { attemptOf } from '../domain/job.js';

export const ATTEMPT = attemptOf('digits-t1-job', 1);

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** A job document as the launcher makes it, about these files. */
export function documentAbout(
  files: { readonly reference: Digest; readonly champion: Digest; readonly train: Digest },
  wallSeconds = 60,
): Readonly<Record<string, unknown>> {
  const at = (digest: Digest) => ({ path: `/home/ratchet/artifacts/${digest}`, digest });
  return {
    schema: 'ratchet.dev/job/v1',
    job: 'digits-t1-job',
    attempt: ATTEMPT.name,
    recipe: 'quantize-static',
    artifacts: { reference: at(files.reference), champion: at(files.champion) },
    data: { train: { ...at(files.train), rows: 10, labelled: 5 } },
    limits: { wallSeconds, maxRssBytes: 1e9, threads: 1 },
  };
}
