import { RatchetError } from '../../kernel/index.js';

/** Thrown when an encoder cannot be loaded or run. The texts are tried again in the next pass. */
export class EncodingFailed extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(reason: string, options?: { cause?: unknown }) {
    super(`The text encoder failed: ${reason}`, { reason }, options);
  }
}
