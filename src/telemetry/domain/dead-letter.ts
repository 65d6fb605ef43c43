import type { BadReason } from './event.js';

/** Bytes of a bad event that are kept for a person to look at. */
export const HEAD_BYTES = 4096;

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
  /** The first 4 KiB. */
  readonly head: Uint8Array;
  readonly sizeBytes: number;
  readonly at: Date;
}

/** A dead letter as it is stored. */
export interface StoredDeadLetter extends DeadLetter {
  readonly id: number;
}
