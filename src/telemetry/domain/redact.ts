import type { TelemetrySettings } from '../../models/index.js';
import { redactedColumns, withoutColumns } from '../../serving/index.js';
import type { DeadLetter } from './dead-letter.js';
import type { InferenceEvent } from './event.js';

/** What of a model's events is never stored. */
export interface Redaction {
  /** Names of features and columns. */
  readonly names: ReadonlySet<string>;
  /** Places in the input row. */
  readonly columns: readonly number[];
  /** false: no raw input is kept at all. */
  readonly keepInput: boolean;
}

/** The redaction that a model document asks for. */
export function redactionOf(spec: Pick<TelemetrySettings, 'redact' | 'columns' | 'sampling'>): Redaction {
  return { names: new Set(spec.redact), columns: redactedColumns(spec), keepInput: spec.sampling };
}

/** True when some of what the model's senders send must not be stored. */
export function redacts({ names, keepInput }: Redaction): boolean {
  return names.size > 0 || !keepInput;
}

/** The event as it may be stored; the event itself when nothing has to go. */
export function redactEvent(event: InferenceEvent, redaction: Redaction): InferenceEvent {
  if (!redacts(redaction)) return event;
  const { names, columns, keepInput } = redaction;
  const features = Object.fromEntries(Object.entries(event.features).filter(([name]) => !names.has(name)));
  const input = event.input === null || !keepInput ? null : withoutColumns(event.input, columns);
  return { ...event, features, input };
}

/** Fields of an event that say which one it was and nothing of what was asked; whoever sees a dead letter needs them. */
const IDENTITY = ['schema', 'requestId', 'model', 'version', 'arm', 'at', 'latencyMs', 'kind', 'id', 'source'] as const;
const MOST_TEXT = 256;

/**
 * A dead letter as it may be stored: where its model redacts fields, or where it cannot be said whose it is and some model
 * does, only the fields that name the event stay of its body, and of its headers only the attributes of the same kind. Its
 * hash and size stay, so the sender can find it. A broken event cannot be trusted to hold a secret only where the
 * secret belongs.
 *
 * @param known names of models that exist; a letter of none of them may be anybody's
 */
export function redactLetter(
  letter: DeadLetter,
  known: { has(model: string): boolean },
  redacting: ReadonlySet<string>,
): DeadLetter {
  if (redacting.size === 0) return letter;
  const { model, headers } = letter;
  if (model !== null && known.has(model) && !redacting.has(model)) return letter;
  const text = new TextEncoder().encode(
    JSON.stringify({ withheld: 'a model redacts fields', ...identity(letter.head) }),
  );
  // Never as long as the body was, so that nothing takes it for the whole and feeds it in again.
  const head = text.subarray(0, Math.max(0, letter.sizeBytes - 1));
  const kept = Object.entries(headers ?? {}).filter(([name]) =>
    /^(?:content-type|ce_(?:id|type|specversion|time))$/.test(name),
  );
  return { ...letter, head, ...(headers === undefined ? {} : { headers: Object.fromEntries(kept) }) };
}

function identity(head: Uint8Array): Record<string, string | number> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(head));
  } catch {
    return {};
  }
  if (typeof value !== 'object' || value === null) return {};
  const fields = value as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    IDENTITY.flatMap((name) => {
      const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
      const plain = typeof field === 'number' || (typeof field === 'string' && field.length <= MOST_TEXT);
      return plain ? [[name, field]] : [];
    }),
  );
}
