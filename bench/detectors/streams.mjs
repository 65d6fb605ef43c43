import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../dist/kernel/index.js';

export const LENGTH = 10_000;
export const CHANGE = 3_000;
export const STABLE_RATE = 0.05;
/** Rates after the change; the first does not change. */
export const CELLS = [0.05, 0.06, 0.075, 0.1, 0.2];

/** Writes the 0/1 streams of every cell once, for both sides; the same seed always gives the same bytes. */
export function writeErrorStreams(folder, count) {
  CELLS.forEach((after, cell) => {
    const data = new Uint8Array(count * LENGTH);
    const streams = [];
    for (let i = 0; i < count; i += 1) {
      const random = seededRandom((cell + 1) * 1_000_003 + i);
      for (let t = 0; t < LENGTH; t += 1) data[i * LENGTH + t] = random() < (t < CHANGE ? STABLE_RATE : after) ? 1 : 0;
      const changes = after === STABLE_RATE ? [] : [CHANGE];
      streams.push({ id: String(i), group: cellName(after), offset: i * LENGTH, length: LENGTH, changes });
    }
    writeFileSync(join(folder, `cell-${after}.bin`), data);
    const about = { name: `cell-${after}`, type: 'u8', file: `cell-${after}.bin`, streams };
    writeFileSync(join(folder, `cell-${after}.manifest.json`), JSON.stringify(about));
  });
}

export function cellName(after) {
  return after === STABLE_RATE ? 'stable' : `5 → ${after * 100} %`;
}

/** A manifest with its data and what River said about it. */
export function readStreams(folder, name) {
  const about = JSON.parse(readFileSync(join(folder, `${name}.manifest.json`), 'utf8'));
  const bytes = readFileSync(join(folder, about.file));
  const data =
    about.type === 'u8'
      ? bytes
      : new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  const river = JSON.parse(readFileSync(join(folder, `${name}.river.json`), 'utf8'));
  return { ...about, data, river };
}
