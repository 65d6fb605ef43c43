import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { openS3, TEST_CREDENTIALS } from '../scripts/s3/server.mjs';
import { describeWith } from './support/services.js';
import { startWholeApp } from './support/whole-app.js';
import { readConfiguration } from '../src/app/configuration.js';
import { type Digest, InvalidInput } from '../src/kernel/index.js';
import { FakeClock } from '../src/kernel/testing/index.js';
import { ArtifactStoreUnavailable } from '../src/models/index.js';
import { artifactStoreContract, CONTRACT_LIMIT } from '../src/models/testing/artifact-store-contract.js';
import { ArtifactCache } from '../src/models/adapters/s3/artifact-cache.js';
import { Bucket } from '../src/models/adapters/s3/bucket.js';
import { S3ArtifactStaging, S3ArtifactStore } from '../src/models/adapters/s3/s3-artifact-store.js';

const CACHE_BYTES = 3000;
/** Of requests; the least that S3 allows but for the last one, so that the large case below really has several. */
const PART_BYTES = 5 * 1024 * 1024;

describeWith('s3')('the artifact bucket', () => {
  let server: Awaited<ReturnType<typeof openS3>>;
  let client: S3Client;
  let home: string;
  let bucket: string;
  const open: Bucket[] = [];
  const clock = new FakeClock();
  const before = { ...process.env };

  beforeAll(async () => {
    server = await openS3();
    process.env = { ...TEST_CREDENTIALS, ...process.env };
    client = new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true });
  }, 360_000);
  afterAll(async () => {
    client.destroy();
    process.env = before;
    await server.stop();
  });
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 's3-'));
    bucket = `ratchet-${randomBytes(6).toString('hex')}`;
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  });
  afterEach(async () => {
    for (const one of open.splice(0)) one.close();
    await rm(home, { recursive: true, force: true });
  });

  function connect(changes: { bucket?: string; endpoint?: string } = {}): Bucket {
    const settings = { bucket, prefix: 'team/', endpoint: server.endpoint, region: 'us-east-1', pathStyle: true };
    const one = new Bucket({ ...settings, ...changes }, PART_BYTES);
    open.push(one);
    return one;
  }

  function storeIn(cache: string, limit = CONTRACT_LIMIT, of = connect()): S3ArtifactStore {
    return new S3ArtifactStore(of, new ArtifactCache(join(home, cache), CACHE_BYTES, clock), limit);
  }

  const keyOf = (digest: Digest) => `team/sha256/${digest.slice(7, 9)}/${digest.slice(7)}`;

  artifactStoreContract(async () => ({
    store: storeIn('here'),
    elsewhere: storeIn('elsewhere'),
    staging: new S3ArtifactStaging(
      connect(),
      new ArtifactCache(join(home, 'staging'), CACHE_BYTES, clock),
      CONTRACT_LIMIT,
    ),
    damage: async (digest, bytes) => {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: keyOf(digest), Body: bytes }));
    },
  }));

  it('sends a large artifact in parts and leaves no unfinished upload', async () => {
    const bytes = randomBytes(2 * PART_BYTES + 12_345);
    const { digest, sizeBytes } = await storeIn('here', 1e8).putBytes(bytes);
    expect(sizeBytes).toBe(bytes.length);
    expect(await storeIn('elsewhere', 1e8).verifiedPath(digest)).toContain(digest.slice(7));
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(Uploads).toEqual([]);
  }, 60_000);

  it('never overwrites an object of the same length, whatever lies there', async () => {
    const store = storeIn('here');
    const { digest } = await store.putBytes(Buffer.from('weights'));
    await client.send(new PutObjectCommand({ Bucket: bucket, Key: keyOf(digest), Body: 'WEIGHTS' }));
    await store.putBytes(Buffer.from('weights'));
    await connect().write(keyOf(digest).slice('team/'.length), join(home, 'here', 'sha256', digest.slice(7)), 7, false);
    await expect(storeIn('elsewhere').verifiedPath(digest)).rejects.toThrow(/another digest/);
  });

  it('fetches afresh what was damaged in its cache', async () => {
    const store = storeIn('here');
    const { digest } = await store.putBytes(Buffer.from('weights'));
    const path = await store.verifiedPath(digest);
    await chmod(path, 0o644);
    await writeFile(path, 'wEights');
    expect(await store.verifiedPath(digest)).toBe(path);
  });

  it('keeps its cache within bounds, but for what was just used', async () => {
    const store = storeIn('here');
    const stored: Digest[] = [];
    for (let n = 0; n < 4; n += 1) {
      stored.push((await store.putBytes(randomBytes(1000))).digest);
      clock.advance(400_000);
    }
    const cached = async () => (await readdir(join(home, 'here', 'sha256'))).length;
    expect(await cached()).toBe(3);
    for (const digest of stored) await store.verifiedPath(digest);
    // All four were used this minute.
    expect(await cached()).toBe(4);
    clock.advance(3_600_000);
    await store.putBytes(randomBytes(1000));
    expect(await cached()).toBe(3);
    expect(await readdir(join(home, 'here', 'tmp'))).toEqual([]);
  });

  it('says at the start that there is no such bucket', async () => {
    await expect(connect().check()).resolves.toBeUndefined();
    const wrong = connect({ bucket: 'nobodys-bucket' }).check();
    await expect(wrong).rejects.toThrow(InvalidInput);
    await expect(wrong).rejects.toThrow(/nobodys-bucket.*no such bucket/);
  });

  describe('under the whole program', () => {
    const environment = (name: string) => (folder: string) => ({
      RATCHET_MODELS_ARTIFACT_STORE: 's3',
      RATCHET_MODELS_S3_BUCKET: name,
      RATCHET_MODELS_S3_PREFIX: 'team',
      RATCHET_MODELS_S3_ENDPOINT: server.endpoint,
      RATCHET_MODELS_S3_PATH_STYLE: 'true',
      RATCHET_MODELS_CACHE_FOLDER: join(folder, 'cache'),
    });

    it('holds what is uploaded', async () => {
      const app = await startWholeApp(environment(bucket));
      try {
        const digest = (await app.upload(Buffer.from('weights'))) as Digest;
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: bucket }));
        expect(Contents.map(({ Key, Size }) => [Key, Size])).toEqual([[keyOf(digest), 7]]);
        expect(await readdir(join(app.folder, 'cache/sha256'))).toEqual([digest.slice(7)]);
        expect(await readdir(app.folder)).not.toContain('artifacts');
      } finally {
        await app.close();
      }
    }, 60_000);

    it('must be named', () => {
      const { RATCHET_MODELS_S3_BUCKET: _, ...unnamed } = environment(bucket)(home);
      expect(() => readConfiguration(unnamed)).toThrow(/RATCHET_MODELS_S3_BUCKET.*is needed/s);
    });
  });

  describe('that is away', () => {
    it('is an error that passes', async () => {
      const away = connect({ endpoint: 'http://127.0.0.1:9' });
      const store = storeIn('here', CONTRACT_LIMIT, away);
      const attempts = [
        () => away.check(),
        () => store.putBytes(Buffer.from('x')),
        () => store.exists(`sha256:${'0'.repeat(64)}`),
      ];
      for (const attempt of attempts) {
        const error: unknown = await attempt().catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(ArtifactStoreUnavailable);
        expect(error).toMatchObject({ retryable: true, code: 'unavailable' });
      }
    }, 30_000);

    it('is not needed for what is in the cache', async () => {
      const { digest } = await storeIn('here').putBytes(Buffer.from('weights'));
      const cut = storeIn('here', CONTRACT_LIMIT, connect({ endpoint: 'http://127.0.0.1:9' }));
      expect(await cut.verifiedPath(digest)).toContain(digest.slice(7));
    });
  });
});
