import type { CloudEnvelope } from './cloud-event-envelope.js';
import { decodeEvent } from './decode-event.js';
import { type Decoded, INFERENCE_SCHEMA, LABEL_SCHEMA, SERVED_SCHEMA, type TelemetryEvent, bad } from './event.js';
import { KSERVE_REQUEST, KSERVE_RESPONSE, kserveHalf, type ServiceMap } from './kserve.js';

/** CloudEvents types of the native events, with the schema that their data must have. */
export const NATIVE_TYPES: Readonly<Record<string, string>> = {
  'dev.ratchet.inference.v1': INFERENCE_SCHEMA,
  'dev.ratchet.label.v1': LABEL_SCHEMA,
  'dev.ratchet.served.v1': SERVED_SCHEMA,
};

/** What a CloudEvent says of an inference. Total: never throws. */
export function readCloudEvent(
  envelope: CloudEnvelope,
  receivedAt: Date,
  services: ServiceMap,
): Decoded<TelemetryEvent> {
  if (envelope.type === KSERVE_REQUEST) return kserveHalf(envelope, 'request', receivedAt, services);
  if (envelope.type === KSERVE_RESPONSE) return kserveHalf(envelope, 'response', receivedAt, services);
  const schema = Object.hasOwn(NATIVE_TYPES, envelope.type) ? NATIVE_TYPES[envelope.type] : undefined;
  if (schema === undefined) return bad('schema', `type ${JSON.stringify(envelope.type.slice(0, 80))} is not taken`);
  const decoded = decodeEvent(envelope.data);
  if ('bad' in decoded) return decoded;
  const kind = /\/(\w+)\/v1$/.exec(schema)?.[1];
  return decoded.ok.kind === kind ? decoded : bad('schema', `type ${envelope.type} needs data of schema ${schema}`);
}
