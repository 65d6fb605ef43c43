import { RatchetError } from '../../kernel/index.js';

/** Thrown when Prometheus does not understand a query (400 `bad_data`): the question is wrong, whatever the data. */
export class QueryRefused extends RatchetError {
  readonly code = 'invalid';
  constructor(
    readonly explanation: string,
    query: string,
  ) {
    super(`Prometheus refuses the query: ${explanation}`, { query });
  }
}

/** Thrown when a query is well-formed but cannot be executed on the data there is (422), e.g. because series match ambiguously. */
export class QueryNotExecuted extends RatchetError {
  readonly code = 'unprocessable';
  constructor(
    readonly explanation: string,
    query: string,
  ) {
    super(`Prometheus cannot execute the query: ${explanation}`, { query });
  }
}

/** Why no answer can be had from Prometheus now. */
export const FAILURES = ['timeout', 'unreachable', 'server', 'overloaded', 'refused', 'too-large', 'garbage'] as const;
export type PrometheusFailure = (typeof FAILURES)[number];

/** Thrown when Prometheus gives no answer that can be read. The same may succeed later. */
export class PrometheusUnavailable extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(
    readonly failure: PrometheusFailure,
    reason: string,
    options?: { cause?: unknown },
  ) {
    super(`Prometheus gives no answer (${failure}): ${reason}`, { failure }, options);
  }
}
