import type { Digest } from '../../kernel/index.js';
import { BIN_STRIDE } from './bin-table.js';
import { LatencySketch } from './latency-sketch.js';
import { classCode, nameOfCode } from './prediction-code.js';
import type { Histogram, Moments, Window } from './window.js';

export const CONFIDENCE_BINS = 20;
/** Count, first value, sum and sum of squares of the distances to it, least, greatest. */
const MOMENT_STRIDE = 6;
/** Classes whose counts are in an array. */
const DENSE_CLASSES = 256;

/** Names a window within one model. */
export interface WindowKey {
  readonly version: Digest;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly seconds: number;
}

/** Features of a window, in the order of their numbers, and their bins. */
export interface WindowShape {
  readonly features: readonly string[];
  /** Edges of the feature with this number; null while they are not fixed. */
  edgesOf(feature: number): readonly number[] | null;
}

const NO_FEATURES: WindowShape = { features: [], edgesOf: () => null };

/** Sums what some events add to one window, in plain arrays of numbers. */
export class WindowAccumulator {
  requests = 0;
  errors = 0;
  compared = 0;
  agreed = 0;
  /** Milliseconds since 1970. */
  newest = 0;
  readonly latency = new LatencySketch();
  readonly confidence = new Uint32Array(CONFIDENCE_BINS);
  /** First moment in time that is not in it any more. */
  readonly end: number;
  private readonly counts: Uint32Array;
  private readonly moments: Float64Array;
  private readonly classes = new Uint32Array(DENSE_CLASSES);
  private readonly others = new Map<number, number>();

  constructor(
    readonly model: string,
    readonly key: WindowKey,
    readonly shape: WindowShape = NO_FEATURES,
  ) {
    this.end = key.start + key.seconds * 1000;
    this.counts = new Uint32Array(shape.features.length * BIN_STRIDE);
    this.moments = new Float64Array(shape.features.length * MOMENT_STRIDE);
  }

  /** Counts a confidence from 0 to 1. */
  addConfidence(confidence: number): void {
    const bin = Math.min(CONFIDENCE_BINS - 1, Math.floor(confidence * CONFIDENCE_BINS));
    this.confidence[bin] = (this.confidence[bin] as number) + 1;
  }

  /**
   * Adds a value to a feature's moments. The distances to the set's own first value are summed, which needs no division
   * an event and loses no more digits than the size of the set (Chan, Golub, LeVeque 1983, shifted data).
   */
  addMoment(feature: number, value: number): void {
    const { moments } = this;
    const at = feature * MOMENT_STRIDE;
    const count = moments[at] as number;
    moments[at] = count + 1;
    if (count === 0) {
      moments[at + 1] = value;
      moments[at + 4] = value;
      moments[at + 5] = value;
      return;
    }
    const distance = value - (moments[at + 1] as number);
    moments[at + 2] = (moments[at + 2] as number) + distance;
    moments[at + 3] = (moments[at + 3] as number) + distance * distance;
    if (value < (moments[at + 4] as number)) moments[at + 4] = value;
    if (value > (moments[at + 5] as number)) moments[at + 5] = value;
  }

  /** Counts a value of a feature in a bin. */
  addToBin(feature: number, bin: number): void {
    const at = feature * BIN_STRIDE + bin;
    this.counts[at] = (this.counts[at] as number) + 1;
  }

  /** Counts a prediction by its code (a class, a group of classes, or a bin). */
  addPrediction(code: number): void {
    if (code % 2 === 0 && code < DENSE_CLASSES * 2) {
      this.classes[code / 2] = (this.classes[code / 2] as number) + 1;
    } else {
      this.others.set(code, (this.others.get(code) ?? 0) + 1);
    }
  }

  /** Counts by code. */
  predictions(): Map<number, number> {
    const counts = new Map<number, number>();
    this.classes.forEach((count, value) => {
      if (count > 0) counts.set(classCode(value), count);
    });
    for (const [code, count] of this.others) counts.set(code, count);
    return counts;
  }

  /** Counts of a feature's bins; null while the bins are not fixed or nothing fell into them. */
  histogram(feature: number): Histogram | null {
    const edges = this.shape.edgesOf(feature);
    if (edges === null) return null;
    const from = feature * BIN_STRIDE;
    const counts = Array.from(this.counts.subarray(from, from + edges.length + 1));
    return counts.some((count) => count > 0) ? { edges, counts } : null;
  }

  /** Moments of a feature; null when it had no value. */
  momentsOf(feature: number): Moments | null {
    const at = feature * MOMENT_STRIDE;
    const [count = 0, first = 0, sum = 0, squares = 0, min = 0, max = 0] = this.moments.subarray(
      at,
      at + MOMENT_STRIDE,
    );
    if (count === 0) return null;
    const m2 = squares - (sum * sum) / count;
    return { count, mean: bounded(first + sum / count), m2: Math.max(0, bounded(m2)), min, max };
  }

  toWindow(): Window {
    const features: Record<string, Histogram> = {};
    const moments: Record<string, Moments> = {};
    this.shape.features.forEach((name, feature) => {
      const histogram = this.histogram(feature);
      if (histogram !== null && !name.startsWith('$')) features[name] = histogram;
      const sums = this.momentsOf(feature);
      if (sums !== null) moments[name] = sums;
    });
    return {
      model: this.model,
      version: this.key.version,
      start: new Date(this.key.start),
      seconds: this.key.seconds,
      requests: this.requests,
      errors: this.errors,
      latency: this.latency.toBytes(),
      features,
      predictions: Object.fromEntries([...this.predictions()].map(([code, count]) => [nameOfCode(code), count])),
      confidence: Array.from(this.confidence),
      moments,
      labelled: 0,
      correct: 0,
      compared: this.compared,
      agreed: this.agreed,
      served: null,
      newestAt: new Date(this.newest),
    };
  }
}

/** Sums of huge values stay numbers that can be stored. */
function bounded(value: number): number {
  if (Number.isNaN(value)) return Number.MAX_VALUE;
  return Math.max(-Number.MAX_VALUE, Math.min(Number.MAX_VALUE, value));
}
