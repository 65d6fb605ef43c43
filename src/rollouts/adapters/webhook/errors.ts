import { RatchetError } from '../../../kernel/index.js';

/** Thrown when a target names an endpoint that the installation does not have, or that has no secret to sign with. */
export class WebhookNotConfigured extends RatchetError {
  readonly code = 'unprocessable';
  constructor(endpoint: string, why: string) {
    super(`The webhook "${endpoint}" cannot be used: ${why}`, { endpoint });
  }
}

/** Thrown when a webhook did not answer as agreed; what it did is unknown. Its words are not repeated. */
export class WebhookFailed extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(endpoint: string, why: string, options?: { cause?: unknown }) {
    super(`The webhook "${endpoint}" did not answer as agreed: ${why}.`, { endpoint }, options);
  }
}
