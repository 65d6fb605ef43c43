import { type Digest, isDigest } from '../../kernel/index.js';
import { type Decoded, INFERENCE_SCHEMA, LABEL_SCHEMA, type Shadow, type TelemetryEvent, bad } from './event.js';
import { decodeInput } from './decode-input.js';

/** Largest encoded event. */
export const MAX_EVENT_BYTES = 1_048_576;
const MAX_TEXT = 256;
const MAX_FEATURES = 64;
const MAX_LATENCY_MS = 86_400_000;
const utf8 = new TextDecoder('utf-8', { fatal: true });

type Fields = Readonly<Record<string, unknown>>;

/** Carries a field's fault out of the readers below; never leaves this file. */
class FieldFault extends Error {}

/**
 * Decodes one native event: bytes of JSON, or a value that was already parsed. Written by hand because it runs for
 * every event (a schema library costs more than the JSON parse itself). Unknown fields are ignored, so that senders may
 * add some; a known field of a wrong type is refused. Never throws.
 */
export function decodeEvent(input: unknown): Decoded<TelemetryEvent> {
  const parsed = input instanceof Uint8Array ? parseJson(input) : { ok: input };
  if ('bad' in parsed) return parsed;
  const value = parsed.ok;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return bad('schema', 'is not a JSON object');
  const fields = value as Fields;
  try {
    if (fields.schema === INFERENCE_SCHEMA) return { ok: inferenceEvent(fields) };
    if (fields.schema === LABEL_SCHEMA) return { ok: labelEvent(fields) };
  } catch (fault) {
    if (fault instanceof FieldFault) return bad('field', fault.message);
    return bad('field', 'cannot be read');
  }
  return bad('schema', `schema must be "${INFERENCE_SCHEMA}" or "${LABEL_SCHEMA}"`);
}

/** Bytes to a JSON value; refuses what is too large, no UTF-8 or no JSON. Never throws. */
export function parseJson(bytes: Uint8Array, limit = MAX_EVENT_BYTES): Decoded<unknown> {
  if (bytes.length > limit) return bad('too-large', `has ${bytes.length} bytes; at most ${limit} are taken`);
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return bad('not-json', 'is not UTF-8');
  }
  try {
    return { ok: JSON.parse(text) as unknown };
  } catch {
    const literal = /[:[,]\s*(-?(?:NaN|Infinity))\b/.exec(text)?.[1];
    return bad('not-json', literal === undefined ? 'is not JSON' : `is not JSON: ${literal} is no JSON number`);
  }
}

/** True for a text that every part of the system can carry: bounded, without NUL, and valid Unicode. */
export function isPlainText(value: unknown): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_TEXT) return false;
  for (let i = 0; i < value.length; i += 1) {
    const unit = value.charCodeAt(i);
    // Only texts with a surrogate or NUL need the slow look.
    if (unit === 0 || (unit & 0xf800) === 0xd800) return !/\0|\p{Surrogate}/u.test(value);
  }
  return true;
}

function inferenceEvent(fields: Fields): TelemetryEvent {
  const error = optional(fields, 'error', text);
  const prediction = optional(fields, 'prediction', finite);
  if (error === null && prediction === null) throw new FieldFault('prediction is missing, and there is no error');
  if (error !== null && prediction !== null) throw new FieldFault('prediction and error exclude each other');
  const input = decodeInput(fields.input);
  if (typeof input === 'string') throw new FieldFault(input);
  return {
    kind: 'inference',
    requestId: text(fields, 'requestId'),
    model: text(fields, 'model'),
    version: digest(fields, 'version'),
    arm: arm(fields.arm),
    at: time(fields),
    latencyMs: within(fields, 'latencyMs', 0, MAX_LATENCY_MS),
    error,
    features: features(fields.features),
    prediction,
    confidence: optional(fields, 'confidence', (f, name) => within(f, name, 0, 1)),
    output: null,
    shadow: shadow(fields.shadow),
    input,
  };
}

function labelEvent(fields: Fields): TelemetryEvent {
  return {
    kind: 'label',
    requestId: text(fields, 'requestId'),
    model: text(fields, 'model'),
    label: finite(fields, 'label'),
  };
}

function optional<T>(fields: Fields, name: string, read: (fields: Fields, name: string) => T): T | null {
  return fields[name] === undefined || fields[name] === null ? null : read(fields, name);
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (value === undefined || value === null) throw new FieldFault(`${name} is missing`);
  if (!isPlainText(value)) throw new FieldFault(`${name} must be a text of 1 to ${MAX_TEXT} characters without NUL`);
  return value;
}

function digest(fields: Fields, name: string): Digest {
  const value = text(fields, name);
  if (!isDigest(value)) throw new FieldFault(`${name} must be a digest like sha256:<64 hex digits>`);
  return value;
}

function finite(fields: Fields, name: string): number {
  const value = fields[name];
  if (value === undefined || value === null) throw new FieldFault(`${name} is missing`);
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new FieldFault(`${name} must be a finite number`);
  return value;
}

function within(fields: Fields, name: string, least: number, most: number): number {
  const value = finite(fields, name);
  if (value < least || value > most) throw new FieldFault(`${name} must be between ${least} and ${most}`);
  return value;
}

function arm(value: unknown): 'stable' | 'candidate' {
  if (value === undefined || value === null || value === 'stable') return 'stable';
  if (value === 'candidate') return 'candidate';
  throw new FieldFault('arm must be "stable" or "candidate"');
}

/** Milliseconds since 1970 or an ISO 8601 text with its zone; a text without one would mean another time on each machine. */
function time(fields: Fields): Date {
  const value = fields.at;
  if (value === undefined || value === null) throw new FieldFault('at is missing');
  const iso = typeof value === 'string' && value.length <= 40 && /^\d{4}-\d\d-\d\dT.*(?:Z|[+-]\d\d:?\d\d)$/.test(value);
  const at = typeof value === 'number' || iso ? new Date(value) : null;
  const year = at === null ? Number.NaN : at.getUTCFullYear();
  if (at === null || !(year >= 1970 && year <= 9999)) {
    throw new FieldFault('at must be milliseconds since 1970 or an ISO 8601 time with a zone');
  }
  return at;
}

/** The object itself, once every name and number in it was looked at: copying 16 numbers costs more than checking them. */
function features(value: unknown): Readonly<Record<string, number>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' || Array.isArray(value)) throw new FieldFault('features must be an object of numbers');
  const names = Object.keys(value);
  if (names.length > MAX_FEATURES) throw new FieldFault(`features has ${names.length} names; at most ${MAX_FEATURES}`);
  for (const name of names) {
    if (name === '__proto__' || !isPlainText(name)) throw new FieldFault('features has a name that cannot be used');
    const number = (value as Fields)[name];
    if (typeof number !== 'number' || !Number.isFinite(number)) {
      throw new FieldFault(`features.${name} must be a finite number`);
    }
  }
  return value as Readonly<Record<string, number>>;
}

function shadow(value: unknown): Shadow | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'object' || Array.isArray(value)) throw new FieldFault('shadow must be an object');
  const fields = value as Fields;
  return { version: digest(fields, 'version'), prediction: optional(fields, 'prediction', finite), output: null };
}
