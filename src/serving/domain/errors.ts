import { type Digest, RatchetError, shortDigest } from '../../kernel/index.js';

/** Thrown when an inference request does not fulfil the model's input contract; the message names what is wrong. */
export class BadInferenceRequest extends RatchetError {
  readonly code = 'invalid';
}

/** Thrown when no route and no model of this name is known to the gateway. */
export class ModelNotServed extends RatchetError {
  readonly code = 'not_found';
  constructor(model: string) {
    super(`There is no model "${model}".`, { model });
  }
}

/** Thrown when a version is asked for by digest that the model's route does not name. */
export class VersionNotServed extends RatchetError {
  readonly code = 'not_found';
  constructor(model: string, version: string) {
    super(`The model "${model}" does not serve a version "${version}".`, { model, version });
  }
}

/** Thrown while a model's route is known but none of its versions could be loaded yet. */
export class ModelLoading extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(model: string) {
    super(`The model "${model}" is still loading.`, { model });
  }
}

/** Thrown by a gateway that is pinned to the candidate when the model's route has none. */
export class NoCandidateServed extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(model: string) {
    super(
      `This gateway answers with candidates only (RATCHET_SERVING_ARM=candidate), and the model "${model}" has none now.`,
      { model },
    );
  }
}

/** Thrown while not every routed model can be served. */
export class GatewayNotReady extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(why: string) {
    super(`Not ready: ${why}.`, { why });
  }
}

/** Thrown when the bounded queue of requests is full. Try again after a second. */
export class EngineOverloaded extends RatchetError {
  readonly code = 'overloaded';
  override readonly retryable = true;
  constructor(limit: number) {
    super(`${limit} requests are waiting already; try again later.`, { limit });
  }
}

/** Thrown when an answer took longer than the request may take, waiting included. */
export class EngineTimeout extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(afterMs: number) {
    super(`No answer within ${afterMs} ms.`, { afterMs });
  }
}

/** Thrown when the runtime failed on a request, or its worker died twice on it. */
export class EngineFailed extends RatchetError {
  readonly code = 'internal';
}

/** Thrown when the engine is being closed. */
export class EngineClosed extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor() {
    super('The gateway is shutting down.');
  }
}

/** Thrown when a version cannot serve: its file does not load, or its tensors are not the model's contract. */
export class VersionUnloadable extends RatchetError {
  readonly code = 'unprocessable';
  constructor(
    digest: Digest,
    readonly reason: string,
    options?: { cause?: unknown },
  ) {
    super(`The version ${shortDigest(digest)} cannot be loaded: ${reason}`, { digest, reason }, options);
  }
}

/** Thrown when a model's output cannot be read as a prediction. */
export class OutputUnusable extends RatchetError {
  readonly code = 'internal';
  constructor(why: string) {
    super(`The model's output cannot be used: ${why}.`, { why });
  }
}

/** Thrown when rows could not be scored off the request path. */
export class ScoringFailed extends RatchetError {
  readonly code = 'internal';
  constructor(model: string, digest: Digest, reason: string, options?: { cause?: unknown }) {
    super(
      `Scoring with version ${shortDigest(digest)} of "${model}" failed: ${reason}`,
      { model, digest, reason },
      options,
    );
    this.retryable = isRetryable(options?.cause);
  }
  override readonly retryable: boolean;
}

/** The reason that telemetry keeps for an unanswered row; a closed set. */
export const ANSWER_ERRORS = ['runtime', 'timeout', 'overloaded'] as const;
export type AnswerError = (typeof ANSWER_ERRORS)[number];

/** Which of the reasons an error is. */
export function answerError(error: unknown): AnswerError {
  if (error instanceof EngineOverloaded) return 'overloaded';
  return error instanceof EngineTimeout ? 'timeout' : 'runtime';
}

function isRetryable(cause: unknown): boolean {
  return cause instanceof RatchetError && cause.retryable;
}
