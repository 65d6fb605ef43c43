import type { CloudEnvelope } from '../../domain/cloud-event-envelope.js';
import { parseJson } from '../../domain/decode-event.js';
import { type BadReason, type Decoded, bad } from '../../domain/event.js';
import type { OutgoingEvent } from '../../ports.js';
import { checkEnvelope } from './envelope.js';
import { LENGTH_HEADER, readStructured, readStructuredValue } from './record.js';

/** Events of one batch; a larger one is refused whole. */
export const MAX_BATCH = 1000;

/** One event of a request: to be sent on, or refused with its bytes. */
export type TakenEvent = { readonly event: OutgoingEvent } | { readonly bad: BadReason; readonly body: Uint8Array };

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * The CloudEvents of an HTTP request: binary mode (`ce-…` headers, any content type), structured mode
 * (`application/cloudevents+json`) or a batch (`application/cloudevents-batch+json`), each as a record in binary mode.
 * `model` is the model that the request's path names. Never throws.
 */
export function readHttp(headers: Headers, body: Uint8Array, limit: number, model: string | null): TakenEvent[] {
  const contentType = text(headers['content-type']) ?? '';
  const length = text(headers[LENGTH_HEADER]) ?? null;
  if (body.length > limit) {
    return [{ ...bad('too-large', `has ${body.length} bytes; at most ${limit} are taken`), body }];
  }
  if (/^application\/cloudevents-batch/i.test(contentType)) return readBatch(body, limit, model);
  const structured = /^application\/cloudevents/i.test(contentType);
  const read = structured ? readStructured(body, length) : readBinary(headers, body, contentType, length);
  return [taken(read, body, model)];
}

function readBinary(
  headers: Headers,
  body: Uint8Array,
  contentType: string,
  length: string | null,
): Decoded<CloudEnvelope> {
  const attributes: Record<string, unknown> = contentType === '' ? {} : { datacontenttype: contentType };
  for (const [name, value] of Object.entries(headers)) {
    const one = text(value);
    if (name.startsWith('ce-') && one !== undefined) attributes[name.slice(3)] = percentDecoded(one);
  }
  if (attributes['id'] === undefined)
    return bad('schema', 'is no CloudEvent: it has neither ce- headers nor the content type');
  return checkEnvelope(attributes, body, length);
}

function readBatch(body: Uint8Array, limit: number, model: string | null): TakenEvent[] {
  const parsed = parseJson(body, limit);
  if ('bad' in parsed) return [{ ...parsed, body }];
  if (!Array.isArray(parsed.ok)) return [{ ...bad('schema', 'a batch must be a list of events'), body }];
  if (parsed.ok.length > MAX_BATCH) {
    return [{ ...bad('too-large', `has ${parsed.ok.length} events; at most ${MAX_BATCH} are taken`), body }];
  }
  return parsed.ok.map((one: unknown) => taken(readStructuredValue(one), () => jsonOf(one), model));
}

function taken(read: Decoded<CloudEnvelope>, body: Uint8Array | (() => Uint8Array), model: string | null): TakenEvent {
  if ('bad' in read) return { bad: read.bad, body: typeof body === 'function' ? body() : body };
  return { event: outgoing(read.ok, model) };
}

/** In binary mode, whatever it came in: the data is not encoded once more, and its key is its id. */
function outgoing(envelope: CloudEnvelope, model: string | null): OutgoingEvent {
  const { id, source, type, timeMs, time, contentType, inferenceHeaderLength, extensions, data } = envelope;
  const headers: Record<string, string> = { ce_specversion: '1.0', ce_id: id, ce_source: source, ce_type: type };
  if (timeMs !== null && time !== null) headers['ce_time'] = time;
  if (contentType !== null) headers['content-type'] = contentType;
  if (inferenceHeaderLength !== null) headers[LENGTH_HEADER] = inferenceHeaderLength;
  for (const [name, value] of Object.entries(extensions)) headers[`ce_${name}`] = value;
  if (model !== null) headers['ce_ratchetmodel'] = model;
  return { key: id, value: data, format: 'cloudevents', headers };
}

function text(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

/** Header values are percent-encoded where they are not plain ASCII (HTTP binding, 3.1.3.2); KServe encodes nothing. */
function percentDecoded(value: string): string {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function jsonOf(value: unknown): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(value));
  } catch {
    return Buffer.from('"a value that cannot be written as JSON"');
  }
}
