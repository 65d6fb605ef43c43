import type { BadClass, BadReason } from './event.js';

/** Bytes of a bad event that are shown to a person. */
export const HEAD_BYTES = 4096;
/** Bytes of it that are kept. What is larger can be looked at, but not read again. */
export const KEPT_BYTES = 65_536;

/** Something that was refused, kept so that nothing disappears without a trace. */
export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  /** Position in the source; null when it never got one (refused at the door, or found later). */
  readonly offset: number | null;
  readonly model: string | null;
  readonly reason: BadReason;
  /** `sha256:…` of the whole input. */
  readonly sha256: string;
  /** The first 64 KiB (`KEPT_BYTES`); all of it when it is as long as `sizeBytes`. */
  readonly head: Uint8Array;
  readonly sizeBytes: number;
  readonly at: Date;
  /** How it is to be read; `native` when absent. */
  readonly format?: DeadLetterFormat;
  /** The record's headers, where there were any: a CloudEvent's attributes are in them. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Formats that a record can have. */
export type DeadLetterFormat = 'native' | 'cloudevents' | 'seldon';

/** A dead letter as it is stored. */
export interface StoredDeadLetter extends Required<DeadLetter> {
  readonly id: number;
  /** When and by whom it was fed in again; null when it was not. It is fed in at most once. */
  readonly replayedAt: Date | null;
  readonly replayedBy: string | null;
}

/** Which dead letters; what is absent does not restrict them. */
export interface DeadLetterFilter {
  readonly model?: string;
  readonly class?: BadClass;
  readonly topic?: string;
  readonly since?: Date;
  /** Only those with a lower id: the last one of the page before. */
  readonly before?: number;
  /** Only those that were, or were not, fed in again. */
  readonly replayed?: boolean;
}

/** Why this letter cannot be fed in again; null when it can. */
export function notReplayable({ head, sizeBytes, replayedAt }: StoredDeadLetter): string | null {
  if (replayedAt !== null) return `it was replayed at ${replayedAt.toISOString()}`;
  if (head.length !== sizeBytes) return `not all of its ${sizeBytes} bytes were kept`;
  if (sizeBytes === 0) return 'it has no body';
  return null;
}
