import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import kafkajs from 'kafkajs';
import { BatchInflates } from './errors.js';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/**
 * Most bytes that one batch may have when it is inflated. Brokers take 1 MiB compressed unless told otherwise, and telemetry
 * shrinks some ten times, so this leaves room for topics with much larger batches; a batch made to harm inflates 10,000
 * times and would otherwise end the process for lack of memory, again after each start.
 */
export const INFLATED_BYTES = 256 * 1024 * 1024;

/** Teaches kafkajs zstd, which Node brings. A second call changes only the limit. */
export function registerZstd(inflatedBytes: number = INFLATED_BYTES): void {
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
    compress: (encoder: { readonly buffer: Buffer }) => compress(encoder.buffer),
    decompress: (buffer: Buffer) => inflate(buffer, inflatedBytes),
  });
}

/** @throws BatchInflates */
async function inflate(buffer: Buffer, limit: number): Promise<Buffer> {
  try {
    return await decompress(buffer, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
    throw new BatchInflates(buffer.length, limit, { cause: error });
  }
}
