import type { RatchetError } from '../../kernel/index.js';
import {
  ClusterForbids,
  ClusterUnavailable,
  ObjectChanged,
  ObjectExists,
  ObjectMissing,
  ObjectRefused,
  VersionGone,
} from './errors.js';

const LONGEST = 500;
const PATCH_DOES_NOT_FIT = /^the server rejected our request due to an error in our request$/;

/** The body of a failed request, as the API server writes it (`kind: Status`). */
interface StatusBody {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: readonly { readonly message?: string }[] };
}

/** What a failed answer means; `what` is the request in words. Total. */
export function failureOf(what: string, code: number, body: string | object): RatchetError {
  const status = typeof body === 'string' ? parse(body) : (body as StatusBody);
  const reason = sentence(status) || `HTTP ${code}`;
  switch (code) {
    case 401:
    case 403:
      return new ClusterForbids(what, reason);
    case 404:
      return new ObjectMissing(what, reason);
    case 409:
      return status.reason === 'AlreadyExists' ? new ObjectExists(what, reason) : new ObjectChanged(what, reason);
    case 410:
      return new VersionGone(what);
    case 422:
      // A JSON patch that does not fit the stored object comes back like one that is not valid, but without details.
      return status.details?.causes === undefined && PATCH_DOES_NOT_FIT.test(status.message ?? '')
        ? new ObjectChanged(what, 'the patch does not fit it')
        : new ObjectRefused(what, reason);
    case 408:
    case 429:
      return new ClusterUnavailable(what, reason);
    default:
      return code >= 400 && code < 500 ? new ObjectRefused(what, reason) : new ClusterUnavailable(what, reason);
  }
}

/** The innermost reason of a failed connection, in words: the outer ones only say that something failed. */
export function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  const { cause, name = '', message = '', code = '' } = error as Partial<NodeJS.ErrnoException>;
  if (typeof cause === 'object' && cause !== null) return reasonOf(cause);
  if (name === 'TimeoutError') return 'no answer in time';
  return (message || code || name).slice(0, LONGEST);
}

function sentence(status: StatusBody): string {
  const causes = (status.details?.causes ?? []).map((cause) => cause.message ?? '').filter((text) => text !== '');
  const message = status.message ?? '';
  const more = causes.filter((cause) => !message.includes(cause));
  return [message, ...more]
    .filter((text) => text !== '')
    .join('; ')
    .slice(0, LONGEST);
}

function parse(body: string): StatusBody {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // A proxy in between answers in its own words.
  }
  return { message: body.trim().slice(0, LONGEST) };
}
