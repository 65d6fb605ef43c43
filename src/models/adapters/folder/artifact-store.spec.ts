import { createHash } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Digest, NotFound } from '../../../kernel/index.js';
import { ArtifactCorrupt, ArtifactTooLarge, NotARegularFile } from '../../domain/errors.js';
import { artifactStoreContract, CONTRACT_LIMIT } from '../../testing/artifact-store-contract.js';
import { FolderArtifactStaging } from './artifact-staging.js';
import { FolderArtifactStore } from './artifact-store.js';

describe('the artifact folder', () => {
  let home: string;
  let store: FolderArtifactStore;

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'artifacts-'));
    store = new FolderArtifactStore(join(home, 'store'), 1_000);
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  it('names bytes by their sha256, once, read-only', async () => {
    const bytes = Buffer.from('weights');
    const source = join(home, 'model.onnx');
    await writeFile(source, bytes);
    const first = await store.putBytes(bytes);
    expect(first).toEqual({ digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, sizeBytes: 7 });
    expect(await store.putFile(source)).toEqual(first);
    const path = await store.verifiedPath(first.digest);
    expect(await readFile(path, 'utf8')).toBe('weights');
    expect((await stat(path)).mode & 0o777).toBe(0o444);
    expect(await readdir(join(home, 'store', 'tmp'))).toEqual([]);
  });

  it('knows what it does not have', async () => {
    const unknown: Digest = `sha256:${'0'.repeat(64)}`;
    expect(await store.exists(unknown)).toBe(false);
    await expect(store.verifiedPath(unknown)).rejects.toThrow(NotFound);
    await expect(store.verifiedPath('sha256:../../etc/passwd')).rejects.toThrow(NotFound);
  });

  it('never gives out bytes that were changed, and takes the good ones again', async () => {
    const { digest } = await store.putBytes(Buffer.from('weights'));
    const path = await store.verifiedPath(digest);
    await chmod(path, 0o644);
    await writeFile(path, 'wEights');
    await expect(store.verifiedPath(digest)).rejects.toThrow(ArtifactCorrupt);
    await store.putBytes(Buffer.from('weights'));
    expect(await readFile(await store.verifiedPath(digest), 'utf8')).toBe('weights');
  });

  it('refuses more bytes than its bound and leaves nothing behind', async () => {
    await expect(store.putBytes(Buffer.alloc(1_001))).rejects.toThrow(ArtifactTooLarge);
    expect(await readdir(join(home, 'store'))).toEqual(['tmp']);
    expect(await readdir(join(home, 'store', 'tmp'))).toEqual([]);
  });

  it('removes what a process that died left half-written, and nothing that is being written', async () => {
    expect(await store.removeLeftovers(new Date())).toBe(0);
    await store.putBytes(Buffer.from('weights'));
    const [dead, fresh] = ['dead', 'fresh'].map((name) => join(home, 'store', 'tmp', name)) as [string, string];
    for (const path of [dead, fresh]) await writeFile(path, 'half');
    await utimes(dead, new Date(0), new Date(0));
    expect(await store.removeLeftovers(new Date(Date.now() - 60_000))).toBe(1);
    expect(await readdir(join(home, 'store', 'tmp'))).toEqual(['fresh']);
  });

  it('follows no link', async () => {
    await writeFile(join(home, 'secret'), 'secret');
    await symlink(join(home, 'secret'), join(home, 'model.onnx'));
    await expect(store.putFile(join(home, 'model.onnx'))).rejects.toThrow(NotARegularFile);
    await expect(store.putFile(home)).rejects.toThrow(NotARegularFile);
  });
});

describe('the artifact folder as an artifact store', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'artifacts-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  artifactStoreContract(async () => ({
    store: new FolderArtifactStore(home, CONTRACT_LIMIT),
    elsewhere: new FolderArtifactStore(home, CONTRACT_LIMIT),
    staging: new FolderArtifactStaging(home, CONTRACT_LIMIT),
    damage: async (digest, bytes) => {
      const path = join(home, 'sha256', digest.slice(7, 9), digest.slice(7));
      await chmod(path, 0o644);
      await writeFile(path, bytes);
    },
  }));
});
