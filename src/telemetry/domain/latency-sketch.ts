/**
 * DDSketch: counts in logarithmic bins, so that every quantile is right within a relative error, whatever the shape of
 * the distribution, and sketches can be added. Source of the formulas: Masson, Rim, Lee, "DDSketch: A Fast and Fully-
 * Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 2019, section 2.
 *
 * Values are clamped to 1 microsecond … 28 hours, which bounds the number of bins, so merging never has to collapse
 * any and is exactly associative and commutative.
 */
const RELATIVE_ERROR = 0.01;
const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR);
const LOG_GAMMA = Math.log(GAMMA);
const LEAST_MS = 1e-3;
const MOST_MS = 1e8;
const FIRST_BIN = Math.ceil(Math.log(LEAST_MS) / LOG_GAMMA);
const BINS = Math.ceil(Math.log(MOST_MS) / LOG_GAMMA) - FIRST_BIN + 1;
const FORMAT = 1;

/** Latencies of one window, in milliseconds. Serialised it has some 3 bytes an occupied bin, at most 1,268 of them. */
export class LatencySketch {
  private readonly bins = new Float64Array(BINS);
  private total = 0;

  /** How many values it holds. */
  get count(): number {
    return this.total;
  }

  /** Adds one latency; not finite or negative counts as the least one. */
  add(milliseconds: number): void {
    const value = milliseconds > LEAST_MS ? Math.min(milliseconds, MOST_MS) : LEAST_MS;
    this.addToBin(Math.ceil(Math.log(value) / LOG_GAMMA) - FIRST_BIN, 1);
  }

  /** Adds everything that was serialised. @throws RangeError when the bytes are no sketch */
  addBytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (bytes[0] !== FORMAT) throw new RangeError(`Unknown latency sketch format ${bytes[0]}`);
    const reader = { bytes, at: 1 };
    let bin = 0;
    while (reader.at < bytes.length) {
      bin += readNumber(reader);
      const count = readNumber(reader);
      if (bin >= BINS) throw new RangeError(`Latency sketch bin ${bin} is out of range`);
      this.addToBin(bin, count);
    }
  }

  /** Pairs of (distance to the last occupied bin, count) as variable-length numbers. */
  toBytes(): Uint8Array {
    const bytes: number[] = [FORMAT];
    let last = 0;
    this.bins.forEach((count, bin) => {
      if (count === 0) return;
      writeNumber(bytes, bin - last);
      writeNumber(bytes, count);
      last = bin;
    });
    return Uint8Array.from(bytes);
  }

  /** The value at rank `q` of the sorted values, within 1 %; null when there is none. */
  quantile(q: number): number | null {
    if (this.total === 0) return null;
    const rank = Math.min(1, Math.max(0, q)) * (this.total - 1);
    let seen = 0;
    let answer = 0;
    for (let bin = 0; bin < BINS && seen <= rank; bin += 1) {
      seen += this.bins[bin] ?? 0;
      answer = bin;
    }
    return (2 * GAMMA ** (answer + FIRST_BIN)) / (GAMMA + 1);
  }

  private addToBin(bin: number, count: number): void {
    this.bins[bin] = (this.bins[bin] ?? 0) + count;
    this.total += count;
  }
}

/** What can be asked of the latencies of several windows together. */
export interface LatencySummary {
  readonly count: number;
  /** Milliseconds at rank `q` (0..1) within 1 %; null when nothing was counted. */
  quantile(q: number): number | null;
}

/** Adds the latencies of windows, of whatever versions. @throws RangeError when one holds no sketch */
export function mergeLatencies(windows: readonly { readonly latency: Uint8Array }[]): LatencySummary {
  const sketch = new LatencySketch();
  for (const window of windows) sketch.addBytes(window.latency);
  return sketch;
}

/** Milliseconds at rank `q` over all these windows, within 1 %; null when nothing was counted. */
export function latencyQuantile(windows: readonly { readonly latency: Uint8Array }[], q: number): number | null {
  return mergeLatencies(windows).quantile(q);
}

function writeNumber(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
}

function readNumber(reader: { readonly bytes: Uint8Array; at: number }): number {
  let value = 0;
  for (let scale = 1; scale <= 128 ** 7; scale *= 128) {
    const byte = reader.bytes[reader.at];
    if (byte === undefined) throw new RangeError('Latency sketch ends in the middle of a number');
    reader.at += 1;
    value += (byte % 128) * scale;
    if (byte < 128) return value;
  }
  throw new RangeError('Latency sketch holds a number that is too long');
}
