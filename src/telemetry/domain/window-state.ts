import { ByteReader, ByteWriter } from './bytes.js';
import { CONFIDENCE_BINS, type WindowAccumulator } from './accumulate-window.js';
import { LatencySketch } from './latency-sketch.js';
import { mergeMoments, NO_MOMENTS } from './moments.js';
import { codeOfName, nameOfCode } from './prediction-code.js';
import type { Histogram, Moments, Window } from './window.js';

const FORMAT = 1;

/** What a window holds besides its plain counters, as it is stored. */
export interface WindowState {
  readonly latency: Uint8Array;
  readonly confidence: readonly number[];
  /** Count by code of the prediction. */
  readonly predictions: ReadonlyMap<number, number>;
  readonly features: ReadonlyMap<string, FeatureState>;
}

/** One feature of a window. The edges are the profile's; their hash says which. */
export interface FeatureState {
  readonly edgesHash: number;
  /** Empty when the bins were not fixed. */
  readonly counts: readonly number[];
  readonly moments: Moments | null;
}

/** A hash of edges, by which a stored histogram knows whether it still belongs to a profile. */
export function hashEdges(edges: readonly number[]): number {
  const words = new Uint32Array(Float64Array.from(edges).buffer);
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193) ^ (hash >>> 15);
  return hash >>> 0;
}

const hashes = new WeakMap<readonly number[], number>();
function hashOf(edges: readonly number[]): number {
  const known = hashes.get(edges) ?? hashEdges(edges);
  hashes.set(edges, known);
  return known;
}

/** The state that a window's accumulator has gathered. */
export function stateOfAccumulator(window: WindowAccumulator): WindowState {
  const features = new Map<string, FeatureState>();
  window.shape.features.forEach((name, i) => {
    const histogram = window.histogram(i);
    const moments = window.momentsOf(i);
    if (histogram !== null || moments !== null) features.set(name, featureState(histogram, moments));
  });
  return {
    latency: window.latency.toBytes(),
    confidence: Array.from(window.confidence),
    predictions: window.predictions(),
    features,
  };
}

/** The state of a whole window. */
export function stateOf(window: Window): WindowState {
  const predictions = new Map<number, number>();
  for (const [name, count] of Object.entries(window.predictions)) {
    const code = codeOfName(name);
    if (code !== null) predictions.set(code, count);
  }
  const names = new Set([...Object.keys(window.features), ...Object.keys(window.moments)]);
  const features = new Map(
    [...names].map((name) => [name, featureState(window.features[name] ?? null, window.moments[name] ?? null)]),
  );
  return { latency: window.latency, confidence: window.confidence, predictions, features };
}

/** The parts of a window that a state holds. `edgesOf` gives the profile's edges; a histogram of other edges is left out. */
export function partsOf(
  state: WindowState,
  edgesOf: (feature: string) => readonly number[] | null,
): Pick<Window, 'latency' | 'confidence' | 'predictions' | 'features' | 'moments'> {
  const features: Record<string, Histogram> = {};
  const moments: Record<string, Moments> = {};
  for (const [name, feature] of state.features) {
    const edges = feature.counts.length === 0 ? null : edgesOf(name);
    if (edges !== null && hashOf(edges) === feature.edgesHash) features[name] = { edges, counts: feature.counts };
    if (feature.moments !== null) moments[name] = feature.moments;
  }
  const predictions = Object.fromEntries([...state.predictions].map(([code, count]) => [nameOfCode(code), count]));
  return { latency: state.latency, confidence: state.confidence, predictions, features, moments };
}

/** Adds two states of one window. Associative and commutative (moments within rounding). */
export function mergeStates(a: WindowState, b: WindowState): WindowState {
  const latency = new LatencySketch();
  latency.addBytes(a.latency);
  latency.addBytes(b.latency);
  const predictions = new Map(a.predictions);
  for (const [code, count] of b.predictions) predictions.set(code, (predictions.get(code) ?? 0) + count);
  const features = new Map(a.features);
  for (const [name, feature] of b.features) {
    const other = features.get(name);
    features.set(name, other === undefined ? feature : mergeFeatures(other, feature));
  }
  return {
    latency: latency.toBytes(),
    confidence: Array.from({ length: CONFIDENCE_BINS }, (_, i) => (a.confidence[i] ?? 0) + (b.confidence[i] ?? 0)),
    predictions,
    features,
  };
}

/** Compact bytes: a format number, then everything with variable-length counts. */
export function encodeState(state: WindowState): Uint8Array<ArrayBuffer> {
  writer.clear();
  writer.byte(FORMAT);
  writer.number(state.latency.length);
  writer.raw(state.latency);
  for (let i = 0; i < CONFIDENCE_BINS; i += 1) writer.number(state.confidence[i] ?? 0);
  writer.number(state.predictions.size);
  for (const [code, count] of state.predictions) {
    writer.number(code);
    writer.number(count);
  }
  writer.number(state.features.size);
  for (const [name, feature] of state.features) {
    writer.text(name);
    writer.number(feature.counts.length);
    if (feature.counts.length > 0) writer.fixed32(feature.edgesHash);
    for (const count of feature.counts) writer.number(count);
    writeMoments(feature.moments);
  }
  return writer.done();
}

/** @throws RangeError when the bytes are no state */
export function decodeState(bytes: Uint8Array): WindowState {
  const reader = new ByteReader(bytes);
  const format = reader.byte();
  if (format !== FORMAT) throw new RangeError(`Unknown window state format ${format}`);
  const latency = reader.raw(reader.number()).slice();
  const confidence = Array.from({ length: CONFIDENCE_BINS }, () => reader.number());
  const predictions = new Map<number, number>();
  for (let left = reader.number(); left > 0; left -= 1) predictions.set(reader.number(), reader.number());
  const features = new Map<string, FeatureState>();
  for (let left = reader.number(); left > 0; left -= 1) {
    const name = reader.text();
    const bins = reader.number();
    const edgesHash = bins > 0 ? reader.fixed32() : 0;
    const counts: number[] = [];
    for (let i = 0; i < bins; i += 1) counts.push(reader.number());
    features.set(name, { edgesHash, counts, moments: readMoments(reader) });
  }
  return { latency, confidence, predictions, features };
}

const writer = new ByteWriter(4096);

function writeMoments(moments: Moments | null): void {
  writer.number(moments?.count ?? 0);
  if (moments === null || moments.count === 0) return;
  writer.double(moments.mean);
  writer.double(moments.m2);
  writer.double(moments.min);
  writer.double(moments.max);
}

function readMoments(reader: ByteReader): Moments | null {
  const count = reader.number();
  if (count === 0) return null;
  return { count, mean: reader.double(), m2: reader.double(), min: reader.double(), max: reader.double() };
}

function featureState(histogram: Histogram | null, moments: Moments | null): FeatureState {
  return histogram === null
    ? { edgesHash: 0, counts: [], moments }
    : { edgesHash: hashOf(histogram.edges), counts: histogram.counts, moments };
}

/** Counts over other bins cannot be added; the later ones stay. */
function mergeFeatures(a: FeatureState, b: FeatureState): FeatureState {
  const moments =
    a.moments === null && b.moments === null ? null : mergeMoments(a.moments ?? NO_MOMENTS, b.moments ?? NO_MOMENTS);
  if (b.counts.length === 0) return { ...a, moments };
  if (a.counts.length !== b.counts.length || a.edgesHash !== b.edgesHash) return { ...b, moments };
  return { edgesHash: a.edgesHash, counts: a.counts.map((count, i) => count + (b.counts[i] ?? 0)), moments };
}
