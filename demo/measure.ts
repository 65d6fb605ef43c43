import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { PIXELS, SIDE } from './images.js';

const BATCH = 250;

/** Share of right answers of an ONNX file on rows it was never served, by ONNX Runtime in this process. */
export async function accuracyOf(
  file: string,
  rows: { pixels: Float32Array; labels: readonly number[] },
): Promise<number> {
  const session = await InferenceSession.create(readFileSync(file), { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const [input, output] = [session.inputNames[0] ?? '', session.outputNames[0] ?? ''];
  let right = 0;
  for (let from = 0; from < rows.labels.length; from += BATCH) {
    const labels = rows.labels.slice(from, from + BATCH);
    const pixels = rows.pixels.slice(from * PIXELS, (from + labels.length) * PIXELS);
    const result = await session.run({ [input]: new Tensor('float32', pixels, [labels.length, 1, SIDE, SIDE]) });
    const scores = result[output]?.data as Float32Array;
    const classes = scores.length / labels.length;
    labels.forEach((label, row) => {
      const of = scores.subarray(row * classes, (row + 1) * classes);
      if (of.indexOf(Math.max(...of)) === label) right += 1;
    });
  }
  await session.release();
  return right / rows.labels.length;
}

/** Where the control plane's artifact folder keeps the bytes with this digest. */
export function artifactFile(folder: string, digest: string): string {
  const hex = digest.replace('sha256:', '');
  return join(folder, 'sha256', hex.slice(0, 2), hex);
}
