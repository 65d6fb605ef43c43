import { isDigest } from '../../../kernel/index.js';
import { isPlainText } from '../../domain/decode-event.js';
import { type Decoded, type HalfEvent, type HalfSide, type Tensor, bad } from '../../domain/event.js';
import { MAX_HALF_BYTES, type ServiceMap } from '../../domain/kserve.js';
import { elements, MAX_ROWS, MAX_VALUES } from '../../domain/open-inference.js';
import { isDatatype, readBinary } from '../../domain/open-inference-bytes.js';
import type { LogRecord } from '../../ports.js';
import { readMessage, type SeldonMessage, type SeldonTensor } from './messages.js';

/** Seldon Core 2 names a model's topics like this; names of namespaces and models have no dots. */
const TOPIC = /^.+\.([^.]+)\.model\.([^.]+)\.(inputs|outputs)$/;
const REQUEST_ID = 'x-request-id';
const MAX_ID = 240;
const MAX_TENSORS = 16;
const utf8 = new TextDecoder();

/** The fields that hold the elements of each datatype in a message. */
const CONTENTS: Readonly<Record<string, string>> = {
  BOOL: 'boolContents',
  INT8: 'intContents',
  INT16: 'intContents',
  INT32: 'intContents',
  INT64: 'int64Contents',
  UINT8: 'uintContents',
  UINT16: 'uintContents',
  UINT32: 'uintContents',
  UINT64: 'uint64Contents',
  FP32: 'fp32Contents',
  FP64: 'fp64Contents',
  BYTES: 'bytesContents',
};

/**
 * One record of a Seldon Core 2 topic as a half: inputs are requests, outputs responses; they meet by the request's id,
 * which is in a header (or the key). The records' times are those of the pipeline and no latency of the model, so there
 * is none. Total and pure: never throws.
 */
export function decodeSeldon(record: LogRecord, topic: string, services: ServiceMap = new Map()): Decoded<HalfEvent> {
  const place = placeOf(topic, services);
  if (place === null) {
    return bad('schema', 'the topic is not of the form <prefix>.<namespace>.model.<name>.inputs|outputs');
  }
  const receivedAt = new Date(record.timestamp);
  if (Number.isNaN(receivedAt.getTime())) return bad('field', 'the record has no time');
  const message = messageOf(record, place.side);
  if ('bad' in message) return message;
  const id = idOf(record, message.ok);
  if (!isPlainText(id) || id.length > MAX_ID)
    return bad('field', `the request's id must have 1 to ${MAX_ID} characters`);
  const tensors = tensorsOf(message.ok);
  if (typeof tensors === 'string') return bad('field', tensors);
  const version = isDigest(message.ok.modelVersion) ? message.ok.modelVersion : null;
  return {
    ok: { kind: 'half', id, ...place, version, arm: 'stable', atMs: null, receivedAt, tensors, error: null },
  };
}

function placeOf(topic: string, services: ServiceMap): Pick<HalfEvent, 'model' | 'side'> | null {
  const [, namespace = '', name = '', way] = TOPIC.exec(topic) ?? [];
  if (way === undefined) return null;
  const model = services.get(`${namespace}/${name}`) ?? services.get(name) ?? name;
  return { model, side: way === 'inputs' ? 'request' : 'response' };
}

function messageOf({ value }: LogRecord, side: HalfSide): Decoded<SeldonMessage> {
  const bytes = value ?? new Uint8Array();
  if (bytes.length > MAX_HALF_BYTES) {
    return bad('too-large', `has ${bytes.length} bytes; at most ${MAX_HALF_BYTES} are taken`);
  }
  try {
    return { ok: readMessage(bytes, side) };
  } catch {
    return bad('schema', `is no ${side === 'request' ? 'ModelInferRequest' : 'ModelInferResponse'}`);
  }
}

function idOf({ headers, key }: LogRecord, { id }: SeldonMessage): string {
  return headers[REQUEST_ID] ?? (key === null ? id : utf8.decode(key));
}

function tensorsOf({ tensors, raw }: SeldonMessage): readonly Tensor[] | string {
  if (tensors.length === 0 || tensors.length > MAX_TENSORS) return `must hold 1 to ${MAX_TENSORS} tensors`;
  if (raw.length > 0 && raw.length !== tensors.length)
    return `has ${raw.length} raw contents for ${tensors.length} tensors`;
  const read: Tensor[] = [];
  let room = MAX_VALUES;
  for (const [i, one] of tensors.entries()) {
    const tensor = tensorOf(one, raw[i] ?? null, room);
    if (typeof tensor === 'string') return `tensor ${i} ${tensor}`;
    read.push(tensor);
    room -= tensor.values.length;
  }
  return read;
}

function tensorOf(tensor: SeldonTensor, raw: Uint8Array | null, room: number): Tensor | string {
  const { name, datatype, shape } = tensor;
  if (!isDatatype(datatype)) return 'has a datatype that is not known';
  const count = elements(shape);
  if (count === null) return 'has a shape that is not whole numbers of at least 1';
  if (count > room) return `holds more than the ${MAX_VALUES} values that are taken`;
  const rows = shape[0] ?? 0;
  if (rows > MAX_ROWS) return `has ${rows} rows; at most ${MAX_ROWS} are taken`;
  const values = raw === null ? contentsOf(tensor, count) : readBinary(datatype, raw, count);
  return typeof values === 'string' ? values : { name, rows, values };
}

function contentsOf({ datatype, contents }: SeldonTensor, count: number): Tensor['values'] | string {
  const found = contents?.[CONTENTS[datatype] ?? ''] ?? [];
  if (found.length !== count) return `holds ${found.length} values; its shape needs ${count}`;
  if (datatype === 'BYTES') return found.map((text) => (text instanceof Uint8Array ? utf8.decode(text) : ''));
  return datatype === 'FP32' ? Float32Array.from(found, Number) : Float64Array.from(found, Number);
}
