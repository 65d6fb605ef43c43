import type { CloudEnvelope } from '../../domain/cloud-event-envelope.js';
import { parseJson } from '../../domain/decode-event.js';
import { type Decoded, bad } from '../../domain/event.js';
import { MAX_HALF_BYTES } from '../../domain/kserve.js';
import type { LogRecord } from '../../ports.js';
import { type Attributes, checkEnvelope } from './envelope.js';

/** Prefix of attributes in the headers of a record (CloudEvents, Kafka protocol binding, binary mode). */
const PREFIX = 'ce_';
/** Name of the header that says where the JSON of a body with binary tensors ends. */
export const LENGTH_HEADER = 'inference-header-content-length';
/** Largest structured event: a body of base64 and its envelope. */
export const MAX_STRUCTURED_BYTES = Math.ceil((MAX_HALF_BYTES * 4) / 3) + 65_536;

/**
 * A CloudEvent out of a record: `ce_…` headers with the data as value (binary mode), or one event as JSON
 * (`application/cloudevents+json`, structured mode). Batches have no binding to a log. Never throws.
 */
export function readRecord(record: LogRecord): Decoded<CloudEnvelope> {
  const { headers } = record;
  const value = record.value ?? new Uint8Array();
  const contentType = headers['content-type'] ?? '';
  if (/^application\/cloudevents-batch/i.test(contentType)) return bad('schema', 'a batch is not taken as one record');
  const length = headers[LENGTH_HEADER] ?? null;
  if (/^application\/cloudevents/i.test(contentType)) return readStructured(value, length);
  const attributes: Record<string, unknown> = contentType === '' ? {} : { datacontenttype: contentType };
  for (const [name, text] of Object.entries(headers)) {
    if (name.startsWith(PREFIX)) attributes[name.slice(PREFIX.length)] = text;
  }
  if (attributes['id'] === undefined)
    return bad('schema', 'is no CloudEvent: it has neither ce_ headers nor the content type');
  return checkEnvelope(attributes, value, length);
}

/** One event in the JSON format of CloudEvents. Never throws. */
export function readStructured(bytes: Uint8Array, length: string | null = null): Decoded<CloudEnvelope> {
  const parsed = parseJson(bytes, MAX_STRUCTURED_BYTES);
  return 'bad' in parsed ? parsed : readStructuredValue(parsed.ok, length);
}

/** The same, already parsed. */
export function readStructuredValue(value: unknown, length: string | null = null): Decoded<CloudEnvelope> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return bad('schema', 'is no CloudEvent');
  const { data, data_base64: base64, ...attributes } = value as Attributes;
  if (data !== undefined && base64 !== undefined) return bad('field', 'data and data_base64 exclude each other');
  const bytes = base64 === undefined ? bytesOf(data, attributes['datacontenttype']) : fromBase64(base64);
  if (bytes === null) return bad('field', 'data_base64 is not base64');
  // JSON's null stands for an attribute that is absent.
  const present = Object.entries(attributes).filter(([, one]) => one !== null);
  return checkEnvelope(Object.fromEntries(present), bytes, length);
}

/** Data of JSON is a value; data of another content type is its text. */
function bytesOf(data: unknown, contentType: unknown): Uint8Array {
  if (data === undefined) return new Uint8Array();
  const isText = typeof data === 'string' && typeof contentType === 'string' && !/json\b/i.test(contentType);
  try {
    return Buffer.from(isText ? data : JSON.stringify(data));
  } catch {
    // Nested deeper than the stack: no event of ours.
    return Buffer.from('"a value that cannot be written as JSON"');
  }
}

function fromBase64(text: unknown): Uint8Array | null {
  if (typeof text !== 'string' || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return null;
  return Buffer.from(text, 'base64');
}
