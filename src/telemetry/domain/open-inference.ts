import { parseJson } from './decode-event.js';
import { type Decoded, type Tensor, bad } from './event.js';
import { isDatatype, readBinary } from './open-inference-bytes.js';

/** Numbers in all tensors of one body. */
export const MAX_VALUES = 2 ** 20;
/** Rows of one body; each becomes an event. */
export const MAX_ROWS = 1024;
const MAX_TENSORS = 16;
const MAX_DIMENSIONS = 8;
const MAX_NAME = 256;

/** A body of the Open Inference Protocol, version 2, as far as telemetry needs it. */
export interface InferenceBody {
  /** `model_version` of a response. */
  readonly modelVersion: string | null;
  /** What a server says in the place of an answer. */
  readonly error: string | null;
  readonly tensors: readonly Tensor[];
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads `inputs` of a request or `outputs` of a response: JSON, or JSON followed by binary tensors. Where the JSON ends
 * follows from its own brackets, because not every logger passes `Inference-Header-Content-Length` on; a header that is
 * given must agree. Total and bounded: never throws.
 */
export function readInferenceBody(
  bytes: Uint8Array,
  side: 'inputs' | 'outputs',
  limit: number,
  headerLength: string | null = null,
): Decoded<InferenceBody> {
  if (bytes.length > limit) return bad('too-large', `has ${bytes.length} bytes; at most ${limit} are taken`);
  const end = jsonEnd(bytes);
  if (headerLength !== null && headerLength !== String(end)) {
    return bad('field', `the JSON part has ${end} bytes; Inference-Header-Content-Length says ${headerLength}`);
  }
  const parsed = parseJson(bytes.subarray(0, end), limit);
  if ('bad' in parsed) return parsed;
  if (!isFields(parsed.ok)) return bad('schema', 'the inference body is not a JSON object');
  return readFields(parsed.ok, bytes.subarray(end), side);
}

function readFields(body: Fields, tail: Uint8Array, side: 'inputs' | 'outputs'): Decoded<InferenceBody> {
  const modelVersion = typeof body['model_version'] === 'string' ? body['model_version'] : null;
  if (side === 'outputs' && typeof body['error'] === 'string') {
    return { ok: { modelVersion, error: 'runtime', tensors: [] } };
  }
  const list = body[side];
  if (!Array.isArray(list)) return bad('field', `${side} is missing: this is no body of the Open Inference Protocol`);
  if (list.length === 0 || list.length > MAX_TENSORS)
    return bad('field', `${side} must hold 1 to ${MAX_TENSORS} tensors`);
  const tensors: Tensor[] = [];
  let rest = tail;
  let room = MAX_VALUES;
  for (const [i, one] of (list as unknown[]).entries()) {
    const read = readTensor(one, rest, room);
    if (typeof read === 'string') return bad('field', `${side}[${i}] ${read}`);
    tensors.push(read.tensor);
    rest = rest.subarray(read.used);
    room -= read.tensor.values.length;
  }
  if (rest.length > 0) return bad('field', `${rest.length} bytes are left behind the tensors`);
  return { ok: { modelVersion, error: null, tensors } };
}

function readTensor(one: unknown, tail: Uint8Array, room: number): { tensor: Tensor; used: number } | string {
  const head = readHead(one, room);
  if (typeof head === 'string') return head;
  const { name, datatype, rows, count, fields } = head;
  const size = binarySize(fields['parameters']);
  if (size !== null && size > tail.length) return `has ${size} bytes of binary data, of which only ${tail.length} came`;
  const values =
    size === null ? readJson(fields['data'], datatype, count) : readBinary(datatype, tail.subarray(0, size), count);
  return typeof values === 'string' ? values : { tensor: { name, rows, values }, used: size ?? 0 };
}

interface Head {
  readonly name: string;
  readonly datatype: string;
  readonly rows: number;
  readonly count: number;
  readonly fields: Fields;
}

function readHead(fields: unknown, room: number): Head | string {
  if (!isFields(fields)) return 'is not an object';
  const { name, datatype, shape } = fields;
  if (typeof name !== 'string' || name.length > MAX_NAME) return 'has no name';
  if (!isDatatype(datatype)) return 'has a datatype that is not known';
  const count = elements(shape);
  if (count === null) return `has a shape that is not 1 to ${MAX_DIMENSIONS} whole numbers of at least 1`;
  if (count > room) return `holds more than the ${MAX_VALUES} values that are taken`;
  const rows = (shape as number[])[0] ?? 0;
  return rows > MAX_ROWS ? `has ${rows} rows; at most ${MAX_ROWS} are taken` : { name, datatype, rows, count, fields };
}

function readJson(data: unknown, datatype: string, count: number): Tensor['values'] | string {
  return datatype === 'BYTES' ? readJsonTexts(data, count) : readNumbers(data, datatype, count);
}

/** Product of the dimensions; null when they are none. */
export function elements(shape: unknown): number | null {
  if (!Array.isArray(shape) || shape.length === 0 || shape.length > MAX_DIMENSIONS) return null;
  let product = 1;
  for (const dimension of shape as unknown[]) {
    if (typeof dimension !== 'number' || !Number.isSafeInteger(dimension) || dimension < 1) return null;
    product *= dimension;
  }
  return product;
}

function binarySize(parameters: unknown): number | null {
  if (!isFields(parameters)) return null;
  const size = parameters['binary_data_size'];
  return typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? size : null;
}

function readNumbers(data: unknown, datatype: string, count: number): Tensor['values'] | string {
  if (!Array.isArray(data)) return 'has no data';
  const values = datatype === 'FP32' ? new Float32Array(count) : new Float64Array(count);
  const found = flatten(data, MAX_DIMENSIONS, (value, at) => {
    const number = typeof value === 'boolean' ? Number(value) : value;
    if (typeof number !== 'number' || at >= count) return false;
    values[at] = number;
    return true;
  });
  return found === count ? values : `does not hold ${count} numbers, as its shape says`;
}

function readJsonTexts(data: unknown, count: number): readonly string[] | string {
  if (!Array.isArray(data)) return 'has no data';
  const texts: string[] = [];
  const found = flatten(data, MAX_DIMENSIONS, (value, at) => {
    if (typeof value !== 'string' || at >= count) return false;
    texts.push(value);
    return true;
  });
  return found === count ? texts : `does not hold ${count} texts, as its shape says`;
}

/** Walks nested lists in order; -1 when `take` refused an element or they are nested too deep. */
function flatten(
  data: readonly unknown[],
  depth: number,
  take: (value: unknown, at: number) => boolean,
  at = 0,
): number {
  let place = at;
  for (const item of data) {
    if (Array.isArray(item)) {
      place = depth > 1 ? flatten(item, depth - 1, take, place) : -1;
      if (place < 0) return -1;
    } else if (take(item, place)) place += 1;
    else return -1;
  }
  return place;
}

/** Where the first JSON object ends; all of it when it never does, and then it is no JSON. */
export function jsonEnd(bytes: Uint8Array): number {
  let level = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (inString) {
      if (byte === 0x5c) at += 1;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b || byte === 0x5b) level += 1;
    else if (byte === 0x7d || byte === 0x5d) {
      level -= 1;
      if (level === 0) return onlySpaceFrom(bytes, at + 1) ? bytes.length : at + 1;
    }
  }
  return bytes.length;
}

function onlySpaceFrom(bytes: Uint8Array, start: number): boolean {
  for (let at = start; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return false;
  }
  return true;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
