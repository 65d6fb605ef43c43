import { LatencySketch } from './latency-sketch.js';
import { mergeMoments } from './moments.js';
import type { Histogram, Window } from './window.js';

/**
 * Adds two parts of the same window. Associative and commutative, and no larger than the union of their bins, so a
 * window is the same whatever batches it was made of. @throws TypeError when two histograms have other bins
 */
export function mergeWindows(a: Window, b: Window): Window {
  const latency = new LatencySketch();
  latency.addBytes(a.latency);
  latency.addBytes(b.latency);
  return {
    model: a.model,
    version: a.version,
    start: a.start,
    seconds: a.seconds,
    requests: a.requests + b.requests,
    errors: a.errors + b.errors,
    latency: latency.toBytes(),
    features: mergeRecords(a.features, b.features, mergeHistograms),
    predictions: mergeRecords(a.predictions, b.predictions, (x, y) => x + y),
    confidence: addCounts(a.confidence, b.confidence),
    moments: mergeRecords(a.moments, b.moments, mergeMoments),
    labelled: a.labelled + b.labelled,
    correct: a.correct + b.correct,
    compared: a.compared + b.compared,
    agreed: a.agreed + b.agreed,
    served: a.served === null || b.served === null ? (a.served ?? b.served) : a.served + b.served,
    newestAt: a.newestAt > b.newestAt ? a.newestAt : b.newestAt,
  };
}

/** Adds two histograms over the same bins. @throws TypeError when the bins differ */
export function mergeHistograms(a: Histogram, b: Histogram): Histogram {
  if (a.edges.length !== b.edges.length || a.edges.some((edge, i) => edge !== b.edges[i])) {
    throw new TypeError('Histograms with different bins cannot be added.');
  }
  return { edges: a.edges, counts: addCounts(a.counts, b.counts) };
}

function mergeRecords<T>(
  a: Readonly<Record<string, T>>,
  b: Readonly<Record<string, T>>,
  merge: (x: T, y: T) => T,
): Record<string, T> {
  const merged: Record<string, T> = { ...a };
  for (const [name, value] of Object.entries(b)) {
    const other = merged[name];
    merged[name] = other === undefined ? value : merge(other, value);
  }
  return merged;
}

function addCounts(a: readonly number[], b: readonly number[]): number[] {
  const longer = a.length >= b.length ? a : b;
  return longer.map((_, i) => (a[i] ?? 0) + (b[i] ?? 0));
}
