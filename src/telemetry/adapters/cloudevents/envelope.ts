import { CloudEvent } from 'cloudevents';
import { type CloudEnvelope, timeMs } from '../../domain/cloud-event-envelope.js';
import { type Decoded, bad } from '../../domain/event.js';

/** Attributes of an envelope, all names in lower case. */
export type Attributes = Readonly<Record<string, unknown>>;

/** What makes an envelope large; the data has bounds of its own. */
const MAX_ATTRIBUTES = 64;
const MAX_ATTRIBUTE_CHARACTERS = 16_384;
const NAME = /^[a-z0-9]{1,64}$/;
const REQUIRED = ['id', 'source', 'type', 'specversion'] as const;
const KNOWN: ReadonlySet<string> = new Set([...REQUIRED, 'time', 'datacontenttype', 'subject', 'dataschema']);

/**
 * Checks an envelope: its size first, then the SDK's schema and type rules. The SDK is never given the data (it would
 * parse it, and turns base64 into wider numbers), nor asked for what is absent (it makes up an id and the time of now).
 * Never throws, whatever the SDK does.
 */
export function checkEnvelope(
  attributes: Attributes,
  data: Uint8Array,
  inferenceHeaderLength: string | null,
): Decoded<CloudEnvelope> {
  const fault = boundsFault(attributes);
  if (fault !== null) return bad('field', fault);
  try {
    new CloudEvent({ ...attributes }, true);
  } catch (error) {
    return bad('field', `is no CloudEvent: ${firstLine(error)}`);
  }
  const { id, source, type, time, datacontenttype } = attributes as Readonly<Record<string, string | undefined>>;
  const at = time === undefined ? null : timeMs(time);
  if (time !== undefined && at === null) return bad('field', 'time must be an RFC 3339 time with a zone');
  return {
    ok: {
      ...{
        id: String(id),
        source: String(source),
        type: String(type),
        time: time ?? null,
        timeMs: at,
        data,
        inferenceHeaderLength,
      },
      contentType: datacontenttype ?? null,
      extensions: extensionsOf(attributes),
    },
  };
}

function boundsFault(attributes: Attributes): string | null {
  const entries = Object.entries(attributes);
  if (entries.length > MAX_ATTRIBUTES) return `has ${entries.length} attributes; at most ${MAX_ATTRIBUTES} are taken`;
  for (const name of REQUIRED) {
    const value = attributes[name];
    if (typeof value !== 'string' || value === '') return `is no CloudEvent: ${name} is missing`;
  }
  if (attributes['specversion'] !== '1.0') return 'specversion must be "1.0"';
  let room = MAX_ATTRIBUTE_CHARACTERS;
  for (const [name, value] of entries) {
    if (!NAME.test(name)) return `has an attribute name that is not 1 to 64 of a-z and 0-9`;
    if (!['string', 'number', 'boolean'].includes(typeof value))
      return `attribute ${name} must be a text, number or boolean`;
    room -= name.length + String(value).length;
    if (KNOWN.has(name) && typeof value !== 'string') return `attribute ${name} must be a text`;
  }
  return room >= 0 ? null : `has more than ${MAX_ATTRIBUTE_CHARACTERS} characters of attributes`;
}

function extensionsOf(attributes: Attributes): Readonly<Record<string, string>> {
  const extensions = Object.entries(attributes).filter(([name]) => !KNOWN.has(name));
  return Object.fromEntries(extensions.map(([name, value]) => [name, String(value)]));
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replaceAll(/\s+/g, ' ').slice(0, 200);
}
