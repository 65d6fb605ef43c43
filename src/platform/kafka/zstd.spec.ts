import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import kafkajs from 'kafkajs';
import { BatchInflates } from './errors.js';
import { INFLATED_BYTES, registerZstd } from './zstd.js';

interface Codec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}
const codec = (): Codec => kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD]() as Codec;

describe('zstd for kafkajs', () => {
  beforeAll(() => registerZstd(1_000_000));
  afterAll(() => registerZstd());

  it('gives back what it compressed, up to the limit', async () => {
    const bytes = Buffer.alloc(1_000_000, 'telemetry ');
    expect((await codec().decompress(await codec().compress({ buffer: bytes }))).equals(bytes)).toBe(true);
  });

  it('refuses a small batch that inflates beyond the limit, clearly and for good', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(50_000_000));
    expect(bomb.length).toBeLessThan(10_000);
    const failure = await codec()
      .decompress(bomb)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BatchInflates);
    expect(failure).toMatchObject({ retriable: false, data: { bytes: bomb.length, limit: 1_000_000 } });
  });

  it('says of bytes that are not zstd what zstd says', async () => {
    await expect(codec().decompress(Buffer.from('not zstd at all'))).rejects.not.toBeInstanceOf(BatchInflates);
  });

  it('has a limit unless told otherwise', async () => {
    registerZstd();
    const bomb = zstdCompressSync(Buffer.alloc(INFLATED_BYTES + 1));
    await expect(codec().decompress(bomb)).rejects.toBeInstanceOf(BatchInflates);
  });
});
