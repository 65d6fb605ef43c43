import type { Digest } from '../../kernel/index.js';
import type { AdmittedEvent } from './admit.js';
import { binOf } from './feature-profile.js';
import { LatencySketch } from './latency-sketch.js';
import { addValue, NO_MOMENTS } from './moments.js';
import type { Moments, Window } from './window.js';

export const CONFIDENCE_BINS = 20;

/** Names a window within one model. */
export interface WindowKey {
  readonly version: Digest;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly seconds: number;
}

/** Sums what one batch adds to one window. Features come separately, when their bins are known. */
export class WindowAccumulator {
  private requests = 0;
  private errors = 0;
  private newest = 0;
  private readonly latency = new LatencySketch();
  private readonly features = new Map<string, { edges: readonly number[]; counts: number[] }>();
  private readonly moments = new Map<string, Moments>();
  private compared = 0;
  private agreed = 0;
  private readonly predictions = new Map<string, number>();
  private readonly confidence = new Array<number>(CONFIDENCE_BINS).fill(0);

  constructor(
    private readonly model: string,
    private readonly key: WindowKey,
  ) {}

  /** Counts one event that was not counted before. `countClass` is false when predictions are binned like a feature. */
  add({ event }: AdmittedEvent, countClass: boolean): void {
    this.requests += 1;
    this.newest = Math.max(this.newest, event.at.getTime());
    if (event.latencyMs !== null) this.latency.add(event.latencyMs);
    if (event.error !== null) this.errors += 1;
    if (event.prediction !== null && countClass) this.addPrediction(String(event.prediction));
    const shadow = event.shadow?.prediction ?? null;
    if (event.prediction !== null && shadow !== null) {
      this.compared += 1;
      if (event.prediction === shadow) this.agreed += 1;
    }
    if (event.confidence !== null) {
      const bin = Math.min(CONFIDENCE_BINS - 1, Math.floor(event.confidence * CONFIDENCE_BINS));
      this.confidence[bin] = (this.confidence[bin] ?? 0) + 1;
    }
  }

  /** Adds a value to a feature's moments, which need no bins. */
  addMoment(feature: string, value: number): void {
    this.moments.set(feature, addValue(this.moments.get(feature) ?? NO_MOMENTS, value));
  }

  /** Counts a value of a feature whose bins are fixed. */
  addFeature(feature: string, edges: readonly number[], value: number): void {
    let histogram = this.features.get(feature);
    if (histogram === undefined) {
      histogram = { edges, counts: new Array<number>(edges.length + 1).fill(0) };
      this.features.set(feature, histogram);
    }
    const bin = binOf(edges, value);
    histogram.counts[bin] = (histogram.counts[bin] ?? 0) + 1;
  }

  /** Counts a prediction by class, or by bin for regression. */
  addPrediction(name: string): void {
    this.predictions.set(name, (this.predictions.get(name) ?? 0) + 1);
  }

  toWindow(): Window {
    return {
      model: this.model,
      version: this.key.version,
      start: new Date(this.key.start),
      seconds: this.key.seconds,
      requests: this.requests,
      errors: this.errors,
      latency: this.latency.toBytes(),
      features: Object.fromEntries(this.features),
      predictions: Object.fromEntries(this.predictions),
      confidence: this.confidence,
      moments: Object.fromEntries(this.moments),
      labelled: 0,
      correct: 0,
      compared: this.compared,
      agreed: this.agreed,
      served: null,
      newestAt: new Date(this.newest),
    };
  }
}
