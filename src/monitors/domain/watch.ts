import type { Digest } from '../../kernel/index.js';

/** One champion period under watch. What is known of one watch is never used for another. */
export interface Watch {
  readonly model: string;
  readonly version: Digest;
  readonly reference: Digest;
  /** When the period began. */
  readonly since: Date;
}

/** One kept request with both answers. */
export interface RescoredSample {
  readonly requestId: string;
  /** The sample store's sequence. */
  readonly sequence: number;
  /** When the champion answered. */
  readonly at: Date;
  readonly champion: number;
  readonly reference: number;
}

/** Champion and reference on the same requests. */
export interface RescoreTally {
  readonly compared: number;
  readonly disagreements: number;
  readonly labelled: number;
  readonly championErrors: number;
  readonly referenceErrors: number;
}
