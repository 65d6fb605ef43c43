import { createHash } from 'node:crypto';
import type { Answer } from '../serving/index.js';
import { type DeadLetter, KEPT_BYTES } from './domain/dead-letter.js';
import type { BadReason, Decoded, TelemetryEvent } from './domain/event.js';
import type { LogFormat, LogRecord } from './ports.js';

/** One thing on its way in: decoded or refused, with what is needed to keep it as a dead letter. */
export interface IntakeEntry {
  readonly decoded: Decoded<TelemetryEvent>;
  /** The bytes as they came, or the nearest there is; made only when the entry is refused. */
  readonly body: () => Uint8Array;
  /** Estimate of the memory it holds. */
  readonly bytes: number;
  /** Whose it is, where that is known of something that was refused. */
  readonly model?: string;
  /** Its place in a log; follows from the order where entries are consecutive. */
  readonly offset?: number;
  /** The record it was read from; needed for halves, which may have to wait as they came. */
  readonly origin?: { readonly format: LogFormat; readonly record: LogRecord; readonly readAs?: string };
}

/** An event that came in encoded or already parsed. */
export function eventEntry(decoded: Decoded<TelemetryEvent>, body: () => Uint8Array, bytes: number): IntakeEntry {
  return { decoded, body, bytes };
}

/** An answer of the gateway; its input is left out of a dead letter. */
export function answerEntry(answer: Answer, decoded: Decoded<TelemetryEvent>): IntakeEntry {
  const { input, ...rest } = answer;
  return { decoded, body: () => jsonBytes(rest), bytes: input.length * 4 + 500 };
}

/** JSON as bytes; a value that cannot be written (nested too deep) becomes a note that says so. */
export function jsonBytes(value: unknown): Uint8Array {
  try {
    return Buffer.from(JSON.stringify(value));
  } catch {
    return Buffer.from('"a value that cannot be written as JSON"');
  }
}

/** The dead letter of a refused entry. */
export function deadLetter(
  body: Uint8Array,
  reason: BadReason,
  place: Pick<DeadLetter, 'topic' | 'partition' | 'offset' | 'model' | 'at' | 'format' | 'headers'>,
): DeadLetter {
  return {
    ...place,
    reason,
    sha256: `sha256:${createHash('sha256').update(body).digest('hex')}`,
    head: body.subarray(0, KEPT_BYTES),
    sizeBytes: body.length,
  };
}
