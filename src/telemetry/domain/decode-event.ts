import { type Digest, isDigest } from '../../kernel/index.js';
import type { Arm } from '../../serving/index.js';
import { decodeInput } from './decode-input.js';
import {
  type Decoded,
  INFERENCE_SCHEMA,
  LABEL_SCHEMA,
  type LabelEvent,
  type Output,
  SERVED_SCHEMA,
  type ServedEvent,
  type TelemetryEvent,
  bad,
} from './event.js';
import { EventRow, MAX_FEATURES } from './event-row.js';
import { NameTable } from './name-table.js';
import { parseTime } from './parse-time.js';

/** Largest encoded event. */
export const MAX_EVENT_BYTES = 1_048_576;
/** Longest text that an event may answer with, and most numbers of a series. */
export const MAX_OUTPUT_TEXT = 65_536;
export const MAX_OUTPUT_NUMBERS = 65_536;
const MAX_TEXT = 256;
export const MAX_LATENCY_MS = 86_400_000;
export const MAX_SERVED = 1e12;
const utf8 = new TextDecoder('utf-8', { fatal: true });

type Fields = Readonly<Record<string, unknown>>;

/** Carries a field's fault out of the readers below; never leaves this file. */
class FieldFault extends Error {}

/** For whoever wants an event as an object. */
const scratch = new EventRow();
const nameTable = new NameTable();
/** Most events are of the same version as the one before. */
let lastVersion: Digest | null = null;

/**
 * Decodes one native event: bytes of JSON, or a value that was already parsed. Written by hand because it runs for
 * every event (a schema library costs more than the JSON parse itself). Unknown fields are ignored, so that senders may
 * add some; a known field of a wrong type is refused. Never throws.
 */
export function decodeEvent(input: unknown): Decoded<TelemetryEvent> {
  const parsed = input instanceof Uint8Array ? parseJson(input) : { ok: input };
  if ('bad' in parsed) return parsed;
  return readEvent(parsed.ok, scratch) ?? { ok: scratch.toEvent() };
}

/** Reads a parsed event: null when it is an inference, which is in `row` then; everything else is returned. Never throws. */
export function readEvent(value: unknown, row: EventRow): Decoded<LabelEvent | ServedEvent> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return bad('schema', 'is not a JSON object');
  const fields = value as Fields;
  try {
    if (fields.schema === INFERENCE_SCHEMA) {
      readInference(fields, row);
      return null;
    }
    if (fields.schema === LABEL_SCHEMA) return { ok: labelEvent(fields) };
    if (fields.schema === SERVED_SCHEMA) return { ok: servedEvent(fields) };
  } catch (fault) {
    if (fault instanceof FieldFault) return bad('field', fault.message);
    return bad('field', 'cannot be read');
  }
  return bad('schema', `schema must be "${INFERENCE_SCHEMA}", "${LABEL_SCHEMA}" or "${SERVED_SCHEMA}"`);
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
export function isPlainText(value: unknown, longest = MAX_TEXT): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > longest) return false;
  for (let i = 0; i < value.length; i += 1) {
    const unit = value.charCodeAt(i);
    // Only texts with a surrogate or NUL need the slow look.
    if (unit === 0 || (unit & 0xf800) === 0xd800) return !/\0|\p{Surrogate}/u.test(value);
  }
  return true;
}

function readInference(fields: Fields, row: EventRow): void {
  row.clear();
  readAnswer(fields, row);
  row.requestId = text(fields, 'requestId');
  row.model = text(fields, 'model');
  row.version = digest(fields, 'version');
  row.arm = arm(fields.arm);
  row.at = time(fields);
  if (isGiven(fields.latencyMs)) row.latencyMs = within(fields, 'latencyMs', 0, MAX_LATENCY_MS);
  if (isGiven(fields.confidence)) row.confidence = within(fields, 'confidence', 0, 1);
  if (isGiven(fields.features)) readFeatures(fields.features, row);
  if (isGiven(fields.shadow)) readShadow(fields.shadow, row);
  const keep = keepsInput(fields.sample);
  if (isGiven(fields.input)) {
    const input = decodeInput(fields.input);
    if (typeof input === 'string') throw new FieldFault(input);
    // Whoever sent the request may not want its input to be kept.
    if (keep) row.input = input;
  }
}

function keepsInput(sample: unknown): boolean {
  if (isGiven(sample) && typeof sample !== 'boolean') throw new FieldFault('sample must be true or false');
  return sample !== false;
}

function readAnswer(fields: Fields, row: EventRow): void {
  if (isGiven(fields.error)) row.error = text(fields, 'error');
  if (isGiven(fields.prediction)) row.prediction = finite(fields, 'prediction');
  if (isGiven(fields.output)) row.output = output(fields.output, 'output');
  const isAnswered = isGiven(fields.prediction) || row.output !== null;
  if (row.error === null && !isAnswered) throw new FieldFault('prediction is missing, and there is no error');
  if (row.error !== null && isAnswered) throw new FieldFault('prediction and error exclude each other');
}

function labelEvent(fields: Fields): LabelEvent {
  return {
    kind: 'label',
    requestId: text(fields, 'requestId'),
    model: text(fields, 'model'),
    label: finite(fields, 'label'),
  };
}

function servedEvent(fields: Fields): ServedEvent {
  const requests = within(fields, 'requests', 0, MAX_SERVED);
  if (!Number.isInteger(requests)) throw new FieldFault('requests must be a whole number');
  return {
    kind: 'served',
    model: text(fields, 'model'),
    version: digest(fields, 'version'),
    at: new Date(time(fields)),
    seconds: within(fields, 'seconds', 0, 86_400),
    requests,
    source: text(fields, 'source'),
  };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (!isGiven(value)) throw new FieldFault(`${name} is missing`);
  if (!isPlainText(value)) throw new FieldFault(`${name} must be a text of 1 to ${MAX_TEXT} characters without NUL`);
  return value;
}

function digest(fields: Fields, name: string): Digest {
  const value = fields[name];
  if (value === lastVersion && lastVersion !== null) return lastVersion;
  const given = text(fields, name);
  if (!isDigest(given)) throw new FieldFault(`${name} must be a digest like sha256:<64 hex digits>`);
  lastVersion = given;
  return given;
}

function finite(fields: Fields, name: string): number {
  const value = fields[name];
  if (!isGiven(value)) throw new FieldFault(`${name} is missing`);
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new FieldFault(`${name} must be a finite number`);
  return value;
}

function within(fields: Fields, name: string, least: number, most: number): number {
  const value = finite(fields, name);
  if (value < least || value > most) throw new FieldFault(`${name} must be between ${least} and ${most}`);
  return value;
}

function arm(value: unknown): Arm {
  if (!isGiven(value) || value === 'stable') return 'stable';
  if (value === 'candidate') return 'candidate';
  throw new FieldFault('arm must be "stable" or "candidate"');
}

function time(fields: Fields): number {
  if (!isGiven(fields.at)) throw new FieldFault('at is missing');
  const at = parseTime(fields.at);
  if (Number.isNaN(at)) throw new FieldFault('at must be milliseconds since 1970 or an ISO 8601 time with a zone');
  return at;
}

function output(value: unknown, name: string): Output {
  if (typeof value === 'string') {
    if (value === '' || isPlainText(value, MAX_OUTPUT_TEXT)) return value;
    throw new FieldFault(`${name} must be a text of at most ${MAX_OUTPUT_TEXT} characters without NUL`);
  }
  if (!Array.isArray(value)) throw new FieldFault(`${name} must be an array of numbers or a text`);
  if (value.length === 0 || value.length > MAX_OUTPUT_NUMBERS) {
    throw new FieldFault(`${name} must have 1 to ${MAX_OUTPUT_NUMBERS} numbers`);
  }
  const at = value.findIndex((number: unknown) => typeof number !== 'number' || !Number.isFinite(number));
  if (at !== -1) throw new FieldFault(`${name}[${at}] must be a finite number`);
  return value as number[];
}

/** Names that are those of the event before need no look at their characters. */
function readFeatures(value: unknown, row: EventRow): void {
  if (typeof value !== 'object' || Array.isArray(value)) throw new FieldFault('features must be an object of numbers');
  const fields = value as Fields;
  const expected = lastNames;
  let count = 0;
  for (const name in fields) {
    if (name !== expected[count]) {
      readNewFeatures(fields, row);
      return;
    }
    const number = fields[name];
    if (typeof number !== 'number' || !Number.isFinite(number)) {
      throw new FieldFault(`features.${name} must be a finite number`);
    }
    row.values[count] = number;
    count += 1;
  }
  if (count !== expected.length) {
    readNewFeatures(fields, row);
    return;
  }
  row.names = expected;
  row.count = count;
}

let lastNames: readonly string[] = [];

function readNewFeatures(fields: Fields, row: EventRow): void {
  const names = Object.keys(fields);
  if (names.length > MAX_FEATURES) throw new FieldFault(`features has ${names.length} names; at most ${MAX_FEATURES}`);
  names.forEach((name, i) => {
    if (name === '__proto__' || !isPlainText(name)) throw new FieldFault('features has a name that cannot be used');
    const number = fields[name];
    if (typeof number !== 'number' || !Number.isFinite(number)) {
      throw new FieldFault(`features.${name} must be a finite number`);
    }
    row.values[i] = number;
  });
  lastNames = nameTable.of(names);
  row.names = lastNames;
  row.count = names.length;
}

function readShadow(value: unknown, row: EventRow): void {
  if (typeof value !== 'object' || Array.isArray(value)) throw new FieldFault('shadow must be an object');
  const fields = value as Fields;
  row.shadowVersion = digest(fields, 'version');
  if (isGiven(fields.prediction)) row.shadowPrediction = finite(fields, 'prediction');
  if (isGiven(fields.output)) row.shadowOutput = output(fields.output, 'shadow.output');
}
