import { checkEnvelope } from '../../src/telemetry/adapters/cloudevents/envelope.js';
import { ProtocolDecoder } from '../../src/telemetry/adapters/cloudevents/foreign-decoder.js';
import { readHttp } from '../../src/telemetry/adapters/cloudevents/http-message.js';
import { decodeSeldon } from '../../src/telemetry/adapters/seldon/decode-seldon.js';
import { decodeEvent } from '../../src/telemetry/domain/decode-event.js';
import { type Decoded, BAD_CLASSES } from '../../src/telemetry/domain/event.js';
import { readInferenceBody } from '../../src/telemetry/domain/open-inference.js';
import { decodeLabel, decodeServed } from '../../src/telemetry/domain/protobuf/decode-fact.js';
import { readInference } from '../../src/telemetry/domain/protobuf/decode-inference.js';
import { INFERENCE, LABEL, RecordFrame } from '../../src/telemetry/domain/protobuf/decode-record.js';
import { EventRow } from '../../src/telemetry/domain/event-row.js';

/** One decoder: takes any bytes and says what became of them. */
export type Target = (bytes: Uint8Array) => readonly Decoded<unknown>[];

const decoder = new ProtocolDecoder({ inferenceServices: new Map() });
const record = (value: Uint8Array, headers: Record<string, string>) => ({
  ...{ offset: 0, key: null, timestamp: 1_700_000_000_000 },
  value,
  headers,
});
const attributes = (type: string): Record<string, string> => ({
  ...{ ce_specversion: '1.0', ce_id: 'i', ce_source: 's', ce_inferenceservicename: 'toy' },
  ce_type: type,
});
const http = (headers: Record<string, string>, bytes: Uint8Array): Decoded<unknown>[] =>
  readHttp(headers, bytes, 1_000_000, null).map((one) => ('bad' in one ? { bad: one.bad } : { ok: one.event }));

/** Every decoder that reads what others send. */
export const TARGETS: Readonly<Record<string, Target>> = {
  'native JSON': (bytes) => [decodeEvent(bytes)],
  'native Protobuf': protobuf,
  'CloudEvents in a record, binary': (bytes) => [
    decoder.decode(record(bytes, attributes('dev.ratchet.inference.v1')), 'cloudevents', 't'),
  ],
  'CloudEvents in a record, structured': (bytes) => [
    decoder.decode(record(bytes, { 'content-type': 'application/cloudevents+json' }), 'cloudevents', 't'),
  ],
  'headers of a record': (bytes) => [decoder.decode(record(new Uint8Array(), headersOf(bytes)), 'cloudevents', 't')],
  'CloudEvents over HTTP, structured': (bytes) => http({ 'content-type': 'application/cloudevents+json' }, bytes),
  'CloudEvents over HTTP, batch': (bytes) => http({ 'content-type': 'application/cloudevents-batch+json' }, bytes),
  envelope: (bytes) => [checkEnvelope(parsed(bytes), new Uint8Array(), null)],
  "KServe's request": (bytes) => [
    decoder.decode(record(bytes, attributes('org.kubeflow.serving.inference.request')), 'cloudevents', 't'),
  ],
  "KServe's response": (bytes) => [
    decoder.decode(record(bytes, attributes('org.kubeflow.serving.inference.response')), 'cloudevents', 't'),
  ],
  'Open Inference body': (bytes) => [readInferenceBody(bytes, 'inputs', 1_000_000)],
  "Seldon's request": (bytes) => [decodeSeldon(record(bytes, {}), 'seldon.ns.model.toy.inputs')],
  "Seldon's response": (bytes) => [decodeSeldon(record(bytes, { 'x-request-id': 'r' }), 'seldon.ns.model.toy.outputs')],
};

/** Fails when what a decoder said is not of its contract: one of both, a known class, a reason that is short and there. */
export function expectContract(results: readonly Decoded<unknown>[]): void {
  for (const result of results) {
    if ('ok' in result) {
      if (result.ok === undefined || result.ok === null) throw new Error('an event that is none');
      continue;
    }
    const { class: kind, detail } = result.bad;
    if (!BAD_CLASSES.includes(kind)) throw new Error(`an unknown class: ${kind}`);
    if (detail === '' || detail.length > 1000) throw new Error(`a reason of ${detail.length} characters`);
  }
}

const frame = new RecordFrame();
const row = new EventRow();

function protobuf(bytes: Uint8Array): Decoded<unknown>[] {
  const fault = frame.read(bytes);
  if (fault !== null) return [{ bad: fault }];
  return Array.from({ length: frame.count }, (_, part): Decoded<unknown> => {
    if (frame.kinds[part] === INFERENCE) {
      const reason = readInference(frame, part, row);
      return reason === null ? { ok: row.toEvent() } : { bad: reason };
    }
    return frame.kinds[part] === LABEL ? decodeLabel(frame, part) : decodeServed(frame, part);
  });
}

function parsed(bytes: Uint8Array): Record<string, unknown> {
  try {
    const value = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Lines of `name: value`, as any client may send them. */
function headersOf(bytes: Uint8Array): Record<string, string> {
  const lines = new TextDecoder().decode(bytes).split('\n');
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf(':');
      return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}
