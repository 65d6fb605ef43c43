import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type Digest, NotFound } from '../../kernel/index.js';
import { ArtifactCorrupt, ArtifactTooLarge, NotARegularFile } from '../domain/errors.js';
import type { ArtifactStaging, ArtifactStore } from '../ports.js';

/** Largest artifact of the stores under test, in bytes. */
export const CONTRACT_LIMIT = 20_000;

export interface StoreUnderTest {
  readonly store: ArtifactStore;
  readonly staging: ArtifactStaging;
  /** Another process of the same installation, on another machine. */
  readonly elsewhere: ArtifactStore;
  /** Changes the stored bytes behind the store's back, everywhere. */
  damage(digest: Digest, bytes: Buffer): Promise<void>;
}

/** What every artifact store promises, whatever it keeps its bytes in. */
export function artifactStoreContract(open: () => Promise<StoreUnderTest>): void {
  let under: StoreUnderTest;
  let home: string;
  beforeEach(async () => {
    under = await open();
    home = await mkdtemp(join(tmpdir(), 'contract-'));
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  const digestOf = (bytes: Uint8Array): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

  it('names bytes by their sha256 and gives them out as a read-only file', async () => {
    const bytes = randomBytes(300);
    const stored = await under.store.putBytes(bytes);
    expect(stored).toEqual({ digest: digestOf(bytes), sizeBytes: 300 });
    const path = await under.store.verifiedPath(stored.digest);
    expect(await readFile(path)).toEqual(bytes);
    expect((await stat(path)).mode & 0o222).toBe(0);
    expect(await under.store.exists(stored.digest)).toBe(true);
  });

  it('stores a file of many pieces whole, and the same again as the same', async () => {
    const bytes = randomBytes(CONTRACT_LIMIT);
    await writeFile(join(home, 'model.onnx'), bytes);
    const first = await under.store.putFile(join(home, 'model.onnx'));
    expect(await under.store.putFile(join(home, 'model.onnx'))).toEqual(first);
    expect(await under.store.putBytes(bytes)).toEqual(first);
    expect(digestOf(await readFile(await under.elsewhere.verifiedPath(first.digest)))).toBe(first.digest);
  });

  it('stores no bytes as the artifact that has none', async () => {
    const empty = await under.store.putBytes(Buffer.alloc(0));
    expect((await readFile(await under.elsewhere.verifiedPath(empty.digest))).length).toBe(0);
  });

  it('takes the same artifact from many at once', async () => {
    const bytes = randomBytes(5000);
    const all = await Promise.all([1, 2, 3, 4].map((n) => (n % 2 ? under.store : under.elsewhere).putBytes(bytes)));
    expect(new Set(all.map(({ digest }) => digest))).toEqual(new Set([digestOf(bytes)]));
    const paths = await Promise.all([1, 2, 3].map(() => under.elsewhere.verifiedPath(digestOf(bytes))));
    for (const path of paths) expect(await readFile(path)).toEqual(bytes);
  });

  it('knows what it does not have, and asks for nothing but digests', async () => {
    const unknown = digestOf(randomBytes(8));
    expect(await under.store.exists(unknown)).toBe(false);
    await expect(under.store.verifiedPath(unknown)).rejects.toThrow(NotFound);
    await expect(under.store.verifiedPath('sha256:../../etc/passwd')).rejects.toThrow(NotFound);
    expect(await under.store.exists('sha256:../../etc/passwd')).toBe(false);
  });

  it('never gives out bytes that were changed', async () => {
    const { digest } = await under.store.putBytes(Buffer.from('weights'));
    await under.damage(digest, Buffer.from('wEights'));
    await expect(under.elsewhere.verifiedPath(digest)).rejects.toThrow(ArtifactCorrupt);
  });

  it('puts good bytes in the place of what was cut off', async () => {
    const { digest } = await under.store.putBytes(Buffer.from('weights'));
    await under.damage(digest, Buffer.from('wei'));
    await under.store.putBytes(Buffer.from('weights'));
    expect(await readFile(await under.elsewhere.verifiedPath(digest), 'utf8')).toBe('weights');
  });

  it('refuses more bytes than its bound, and what is no file', async () => {
    const large = randomBytes(CONTRACT_LIMIT + 1);
    await expect(under.store.putBytes(large)).rejects.toThrow(ArtifactTooLarge);
    expect(await under.store.exists(digestOf(large))).toBe(false);
    await writeFile(join(home, 'secret'), 'secret');
    await symlink(join(home, 'secret'), join(home, 'link'));
    for (const path of [join(home, 'link'), home]) {
      await expect(under.store.putFile(path)).rejects.toThrow(NotARegularFile);
    }
  });

  it('keeps staging areas apart from artifacts and from each other, and forgets them whole', async () => {
    const bytes = randomBytes(200);
    const [mine, other] = [under.staging.area('job-a1'), under.staging.area('job-a10')];
    const { digest } = await mine.putBytes(bytes);
    await other.putBytes(bytes);
    await other.putBytes(randomBytes(10));
    expect(await readFile(await mine.verifiedPath(digest))).toEqual(bytes);
    await expect(under.store.verifiedPath(digest)).rejects.toThrow(NotFound);
    await under.staging.remove('job-a1');
    await under.staging.remove('job-a1');
    expect(await mine.exists(digest)).toBe(false);
    await expect(mine.verifiedPath(digest)).rejects.toThrow(NotFound);
    expect(await readFile(await under.staging.area('job-a10').verifiedPath(digest))).toEqual(bytes);
    expect(() => under.staging.area('../sha256')).toThrow(/letters, digits/);
  });
}
