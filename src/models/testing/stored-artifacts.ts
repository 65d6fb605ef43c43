import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderArtifactStaging } from '../adapters/folder/artifact-staging.js';
import { FolderArtifactStore } from '../adapters/folder/artifact-store.js';
import type { ArtifactStaging, ArtifactStore } from '../ports.js';

/** Real artifacts in a folder of their own, for specs of what reads and writes them. */
export async function openTestArtifacts(limitBytes = 64 * 1024 * 1024): Promise<{
  readonly artifacts: ArtifactStore;
  readonly staging: ArtifactStaging;
  readonly folder: string;
  close(): Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'ratchet-artifacts-'));
  return {
    artifacts: new FolderArtifactStore(folder, limitBytes),
    staging: new FolderArtifactStaging(folder, limitBytes),
    folder,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
