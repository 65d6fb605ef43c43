/** The events that are measured: 16 named features, as a gateway of a tabular model sends them. */
import { encodeRecord } from '../../dist/telemetry/domain/protobuf/encode-record.js';

const FEATURES = 16;
export const FEATURE_NAMES = Array.from({ length: FEATURES }, (_, i) => `feat${String(i).padStart(2, '0')}`);
export const FORMS = ['json', 'protobuf', 'protobuf-document', 'protobuf-batch'];
/** Events of one record of `protobuf-batch`. */
export const BATCH = 50;
const CLASSES = 3;

/** Models and versions that `pairs` pairs are spread over: at most 100 versions a model. */
export function pairsOf(pairs) {
  const versions = Math.min(100, pairs);
  const models = Math.ceil(pairs / versions);
  const modelNames = Array.from({ length: models }, (_, i) => `digits-${String(i).padStart(4, '0')}`);
  const digests = Array.from({ length: versions }, (_, i) => `sha256:${i.toString(16).padStart(64, '0')}`);
  return { models: modelNames, digests };
}

/** Makes event `n`; the same numbers for the same `n`. `from` is the time of event 0; 100 events make a millisecond. */
export function eventOf(n, { models, digests }, from) {
  const random = randomOf(n);
  return {
    kind: 'inference',
    requestId: `req-${String(n).padStart(12, '0')}`,
    model: models[n % models.length],
    version: digests[Math.floor(n / models.length) % digests.length],
    arm: 'stable',
    at: new Date(from + Math.floor(n / 100)),
    latencyMs: round(2 + 20 * random(), 3),
    error: null,
    features: Object.fromEntries(FEATURE_NAMES.map((name) => [name, round(random(), 4)])),
    prediction: Math.floor(random() * CLASSES),
    confidence: round(0.4 + 0.6 * random(), 4),
    output: null,
    shadow: null,
    input: null,
  };
}

/** The record of one event, or of many, in one of the forms. */
export function recordOf(form, events) {
  if (form === 'json') return Buffer.from(jsonOf(events[0]));
  return Buffer.from(encodeRecord(events, form === 'protobuf' ? undefined : FEATURE_NAMES));
}

function jsonOf({ requestId, model, version, at, latencyMs, features, prediction, confidence }) {
  return JSON.stringify({
    schema: 'ratchet.dev/inference/v1',
    ...{ requestId, model, version, at: at.getTime(), latencyMs, features, prediction, confidence },
  });
}

function round(value, digits) {
  return Number(value.toFixed(digits));
}

/** Mulberry32. */
function randomOf(seed) {
  let state = (seed * 0x9e3779b9) | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
