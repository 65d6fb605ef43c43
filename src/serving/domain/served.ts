import type { Digest } from '../../kernel/index.js';

/** Requests answered with one version within `[at, at + seconds)`, as far as one gateway counted; the count only grows. */
export interface ServedCount {
  readonly model: string;
  readonly version: Digest;
  readonly at: Date;
  readonly seconds: number;
  readonly requests: number;
}
