import { RatchetError, type Role } from '../../kernel/index.js';

/** Thrown when a route needs a token and the request has none, or one that is unknown, revoked or expired. */
export class Unauthenticated extends RatchetError {
  readonly code = 'unauthenticated';
}

/** Thrown when nobody can say now whether a token is good, and nothing that was known lately says it either. */
export class TokensUnavailable extends RatchetError {
  readonly code = 'unavailable';
  override readonly retryable = true;
  constructor(options: { cause: unknown }) {
    super('API tokens cannot be checked at the moment.', {}, options);
  }
}

/** Thrown when no token exists and the request does not come straight from this machine. */
export class LoopbackOnly extends RatchetError {
  readonly code = 'unauthenticated';
  constructor(why: string) {
    super(`Without API tokens only requests from this machine are served: ${why}.`, { why });
  }
}

/** Thrown when the actor's role is lower than the route's. */
export class RoleTooLow extends RatchetError {
  readonly code = 'forbidden';
  constructor(role: Role, needed: Role) {
    super(`This needs the role ${needed}; the token has the role ${role}.`, { role, needed });
  }
}

/** Thrown when a route states neither a role nor that it is public; a defect of ours that must not open a door. */
export class UndeclaredRoute extends RatchetError {
  readonly code = 'forbidden';
  constructor() {
    super('This route declares no role, so nobody may call it.');
  }
}

/** Thrown when the first token would close the API to everybody but somebody who may not create another. */
export class FirstTokenNotAdmin extends RatchetError {
  readonly code = 'conflict';
  constructor(role: Role) {
    super(
      `The first token must be a lasting admin token, not one for ${role}: from then on every request needs a token, and only an admin may create more.`,
      { role },
    );
  }
}

/** Thrown when revoking a token would leave nobody who can create one. */
export class LastAdminToken extends RatchetError {
  readonly code = 'conflict';
  constructor(id: string) {
    super(`The token "${id}" is the last usable admin token; create another one first.`, { id });
  }
}

/** Thrown when a JSON body is nested deeper than any of our documents. */
export class NestedTooDeep extends RatchetError {
  readonly code = 'invalid';
  constructor(limit: number) {
    super(`The JSON body is nested deeper than ${limit} levels.`, { limit });
  }
}

/** Thrown when a streamed body goes beyond its route's bound. */
export class StreamTooLarge extends RatchetError {
  readonly code = 'too_large';
  constructor(limit: number) {
    super(`The body has more than ${limit} bytes.`, { limit });
  }
}

/** Thrown for a body of a kind that the route does not read; answered as HTTP 415. */
export class UnknownMediaType extends Error {
  readonly statusCode = 415;
  constructor(contentType: string | undefined) {
    super(`Unsupported Media Type: ${contentType ?? 'none is named'}`);
  }
}

/** Thrown when a request with the same `Idempotency-Key` is being worked on. */
export class RequestInFlight extends RatchetError {
  readonly code = 'conflict';
  override readonly retryable = true;
  constructor(key: string) {
    super(`A request with the Idempotency-Key "${key}" is being worked on; ask again for its answer.`, { key });
  }
}

/** Thrown when an `Idempotency-Key` comes again with another request. */
export class KeyReused extends RatchetError {
  readonly code = 'unprocessable';
  constructor(key: string) {
    super(`The Idempotency-Key "${key}" was used for another request; a new request needs a new key.`, { key });
  }
}

/** Thrown when an `Idempotency-Key` cannot be one, or cannot be used here. */
export class InvalidKey extends RatchetError {
  readonly code = 'invalid';
  constructor(why: string) {
    super(`The Idempotency-Key ${why}.`, { why });
  }
}

/** Thrown when what `If-Match` names was changed since it was read. */
export class RevisionIsStale extends RatchetError {
  readonly code = 'precondition';
  constructor(stated: string, revision: number) {
    super(`If-Match says ${stated}, but it is at "${revision}" now: read it again and decide anew.`, { revision });
  }
}
