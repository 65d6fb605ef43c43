import { type Decoded, type LabelEvent, type ServedEvent, bad } from '../event.js';
import { MAX_SERVED } from '../decode-event.js';
import type { RecordFrame } from './decode-record.js';
import { digest, plainText } from './remembered.js';
import { BYTES, FIXED64, VARINT, WireFault, WireReader } from './wire-reader.js';

const reader = new WireReader();

/** Reads part `part` of a frame, a label. Never throws. */
export function decodeLabel(frame: RecordFrame, part: number): Decoded<LabelEvent> {
  return guarded(() => {
    const texts = new Map<number, string>();
    let label = Number.NaN;
    reader.open(frame.bytes, frame.froms[part] as number, frame.tos[part] as number);
    while (!reader.ended) {
      const tag = reader.varint();
      if (tag === ((3 << 3) | FIXED64)) label = reader.double();
      else if (tag === bytesTag(1) || tag === bytesTag(2))
        texts.set(tag >>> 3, text(tag === bytesTag(1) ? 'model' : 'request_id'));
      else reader.pass(tag & 7);
    }
    if (!Number.isFinite(label)) throw new WireFault('label must be a finite number');
    return {
      kind: 'label',
      requestId: given(texts.get(2), 'request_id'),
      model: given(texts.get(1) ?? frame.model, 'model'),
      label,
    };
  });
}

/** Reads part `part` of a frame, a served count. Never throws. */
export function decodeServed(frame: RecordFrame, part: number): Decoded<ServedEvent> {
  return guarded(() => {
    let { model, version } = frame;
    let source: string | null = null;
    const numbers = { at: -1, seconds: Number.NaN, requests: 0 };
    reader.open(frame.bytes, frame.froms[part] as number, frame.tos[part] as number);
    while (!reader.ended) {
      const tag = reader.varint();
      if (tag === bytesTag(1)) model = text('model');
      else if (tag === bytesTag(2)) version = digest(reader, reader.length());
      else if (tag === ((3 << 3) | VARINT)) numbers.at = reader.varint();
      else if (tag === ((4 << 3) | FIXED64)) numbers.seconds = reader.double();
      else if (tag === ((5 << 3) | VARINT)) numbers.requests = reader.varint();
      else if (tag === bytesTag(6)) source = text('source');
      else reader.pass(tag & 7);
    }
    const { at, seconds, requests } = numbers;
    within(at, 'at_ms', 253_402_300_799_999);
    within(seconds, 'seconds', 86_400);
    within(requests, 'requests', MAX_SERVED);
    if (version === null) throw new WireFault('version is missing');
    const names = { model: given(model, 'model'), source: given(source, 'source') };
    return { kind: 'served', ...names, version, at: new Date(at), seconds, requests };
  });
}

function guarded<T>(read: () => T): Decoded<T> {
  try {
    return { ok: read() };
  } catch (fault) {
    if (fault instanceof WireFault) return bad('field', fault.message);
    throw fault;
  }
}

function within(value: number, name: string, most: number): void {
  if (!(value >= 0 && value <= most)) throw new WireFault(`${name} must be between 0 and ${most}`);
}

function text(name: string): string {
  return plainText(reader, reader.length(), name);
}

function given(value: string | null | undefined, name: string): string {
  if (value === undefined || value === null) throw new WireFault(`${name} is missing`);
  return value;
}

function bytesTag(field: number): number {
  return (field << 3) | BYTES;
}
