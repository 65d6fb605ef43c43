import { HttpException } from '@nestjs/common';
import { type ErrorCode, type Fault, InvalidInput, RatchetError } from '../../kernel/index.js';

/** A problem response by RFC 9457, with our own members after the standard ones. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly faults?: readonly Fault[];
  readonly [member: string]: unknown;
}

/** Thrown to give a refusal again as it was given first. */
export class StoredProblem extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

const STATUS: Readonly<Record<ErrorCode, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  precondition: 412,
  too_large: 413,
  unprocessable: 422,
  overloaded: 429,
  unavailable: 503,
  internal: 500,
};

const CODE_OF_STATUS = new Map(Object.entries(STATUS).map(([code, status]) => [status, code as ErrorCode]));

/** Says an error as a problem. What is not ours is a defect: it says nothing of its inside. */
export function toProblem(error: unknown, instance: string): Problem {
  if (error instanceof StoredProblem) return error.problem;
  if (error instanceof RatchetError) return fromRatchetError(error, instance);
  const foreign = fromHttpError(error);
  if (foreign !== null) {
    const code = CODE_OF_STATUS.get(foreign.status) ?? (foreign.status < 500 ? 'invalid' : 'internal');
    return {
      type: `urn:ratchet:problem:${code.replaceAll('_', '-')}`,
      title: words(code),
      status: foreign.status,
      detail: foreign.detail,
      instance,
      code,
      retryable: foreign.status === 429 || foreign.status === 503,
    };
  }
  return {
    type: 'urn:ratchet:problem:internal',
    title: 'Internal error',
    status: 500,
    detail: 'Something went wrong on our side; the log has the details.',
    instance,
    code: 'internal',
    retryable: false,
  };
}

function fromRatchetError(error: RatchetError, instance: string): Problem {
  const faults = error instanceof InvalidInput ? { faults: error.faults } : {};
  return {
    ...(JSON.parse(JSON.stringify(error.data)) as Record<string, unknown>),
    ...faults,
    type: `urn:ratchet:problem:${kebab(error.name)}`,
    title: words(kebab(error.name)),
    status: STATUS[error.code],
    detail: error.code === 'internal' ? 'Something went wrong on our side; the log has the details.' : error.message,
    instance,
    code: error.code,
    retryable: error.retryable,
  };
}

/** Nest's own exceptions, and the client errors that Fastify throws before a handler is reached. */
function fromHttpError(error: unknown): { status: number; detail: string } | null {
  if (error instanceof HttpException) return { status: error.getStatus(), detail: error.message };
  if (!(error instanceof Error) || !('statusCode' in error)) return null;
  const status = error.statusCode;
  if (typeof status !== 'number' || status < 400 || status > 499) return null;
  return { status, detail: error.message };
}

function kebab(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
}

function words(kebabName: string): string {
  const text = kebabName.replaceAll(/[-_]/g, ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}
