import { ByteReader, ByteWriter } from './bytes.js';

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
/** Values that a sketch keeps as they come; most sketches of many sparse windows never need all bins. */
const FEW = 64;

/** The largest value of each bin. */
const BOUNDS = Float64Array.from({ length: BINS }, (_, bin) => GAMMA ** (bin + FIRST_BIN));

/**
 * A value's bin without a logarithm: the upper bits of a double (exponent and 7 bits of the fraction) name a cell that is
 * narrower than a bin, so the bin is that of the cell's least value or the next one, which a comparison decides exactly.
 */
const CELL_SHIFT = 13;
const scratch = new Float64Array(1);
const words = new Uint32Array(scratch.buffer);
const HIGH = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1 ? 1 : 0;
const FIRST_CELL = cellOf(LEAST_MS);
const CELLS = Uint16Array.from({ length: cellOf(MOST_MS) - FIRST_CELL + 1 }, (_, cell) => {
  words[HIGH] = (cell + FIRST_CELL) << CELL_SHIFT;
  words[1 - HIGH] = 0;
  const least = Math.max(LEAST_MS, scratch[0] ?? 0);
  return Math.max(
    0,
    BOUNDS.findIndex((bound) => bound >= least),
  );
});

/** Index of the bin of a latency in milliseconds; not finite or negative counts as the least one. */
export function latencyBin(milliseconds: number): number {
  if (!(milliseconds > LEAST_MS)) return 0;
  const value = milliseconds < MOST_MS ? milliseconds : MOST_MS;
  let bin = CELLS[cellOf(value) - FIRST_CELL] as number;
  while (bin < BINS - 1 && value > (BOUNDS[bin] as number)) bin += 1;
  return bin;
}

function cellOf(value: number): number {
  scratch[0] = value;
  return (words[HIGH] as number) >>> CELL_SHIFT;
}

/** Latencies of one window, in milliseconds. Serialised it has some 3 bytes an occupied bin, at most 1,268 of them. */
export class LatencySketch {
  private readonly few = new Uint16Array(FEW);
  private bins: Float64Array | null = null;
  private total = 0;

  /** How many values it holds. */
  get count(): number {
    return this.total;
  }

  /** Adds one latency; not finite or negative counts as the least one. */
  add(milliseconds: number): void {
    const bin = latencyBin(milliseconds);
    if (this.bins === null && this.total < FEW) this.few[this.total] = bin;
    else {
      const bins = this.bins ?? this.spread();
      bins[bin] = (bins[bin] as number) + 1;
    }
    this.total += 1;
  }

  /** Adds everything that was serialised. @throws RangeError when the bytes are no sketch */
  addBytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (bytes[0] !== FORMAT) throw new RangeError(`Unknown latency sketch format ${bytes[0]}`);
    const bins = this.bins ?? this.spread();
    const reader = new ByteReader(bytes.subarray(1));
    let bin = 0;
    while (!reader.ended) {
      bin += reader.number();
      const count = reader.number();
      if (bin >= BINS) throw new RangeError(`Latency sketch bin ${bin} is out of range`);
      bins[bin] = (bins[bin] as number) + count;
      this.total += count;
    }
  }

  /** Pairs of (distance to the last occupied bin, count) as variable-length numbers. */
  toBytes(): Uint8Array {
    const writer = new ByteWriter(256);
    writer.byte(FORMAT);
    let last = 0;
    const write = (bin: number, count: number): void => {
      writer.number(bin - last);
      writer.number(count);
      last = bin;
    };
    if (this.bins !== null) {
      for (let bin = 0; bin < BINS; bin += 1) {
        const count = this.bins[bin] as number;
        if (count > 0) write(bin, count);
      }
      return writer.done();
    }
    const sorted = this.few.slice(0, this.total).sort();
    for (let i = 0; i < sorted.length;) {
      let next = i + 1;
      while (sorted[next] === sorted[i]) next += 1;
      write(sorted[i] as number, next - i);
      i = next;
    }
    return writer.done();
  }

  /**
   * How many values lie in each occupied bin, ascending: in (low, high], the bounds exactly those by which values were put
   * there. The first bin begins with 0, the last one has no end.
   */
  cells(): { readonly low: number; readonly high: number; readonly count: number }[] {
    const bins = this.bins ?? this.spread();
    const cells: { low: number; high: number; count: number }[] = [];
    for (let bin = 0; bin < BINS; bin += 1) {
      const count = bins[bin] as number;
      if (count === 0) continue;
      const low = bin === 0 ? 0 : (BOUNDS[bin - 1] as number);
      cells.push({ low, high: bin === BINS - 1 ? Infinity : (BOUNDS[bin] as number), count });
    }
    return cells;
  }

  /** The value at rank `q` of the sorted values, within 1 %; null when there is none. */
  quantile(q: number): number | null {
    if (this.total === 0) return null;
    const bins = this.bins ?? this.spread();
    const rank = Math.min(1, Math.max(0, q)) * (this.total - 1);
    let seen = 0;
    let answer = 0;
    for (let bin = 0; bin < BINS && seen <= rank; bin += 1) {
      seen += bins[bin] ?? 0;
      answer = bin;
    }
    return (2 * GAMMA ** (answer + FIRST_BIN)) / (GAMMA + 1);
  }

  private spread(): Float64Array {
    const bins = new Float64Array(BINS);
    for (let i = 0; i < this.total; i += 1) {
      const bin = this.few[i] as number;
      bins[bin] = (bins[bin] as number) + 1;
    }
    this.bins = bins;
    return bins;
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
