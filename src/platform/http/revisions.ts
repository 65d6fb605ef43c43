import { type Abstract, applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiExtension, ApiHeader } from '@nestjs/swagger';

/** Finds the thing that a route is about, for its revision. */
export abstract class RevisionSource {
  /** @throws NotFound */
  abstract require(id: string): Promise<{ readonly revision: number }>;
}

/** Metadata key: the provider that knows the revision of what a route changes. */
export const REVISION_OF = 'ratchet:revision-of';

/**
 * This route takes `If-Match` with the ETag of what its `:id` names; when that was changed since, it answers 412 and does
 * nothing. `source` is the token of its store.
 */
export const TakesIfMatch = (source: Abstract<RevisionSource>): MethodDecorator =>
  applyDecorators(
    SetMetadata(REVISION_OF, source),
    ApiHeader({
      name: 'If-Match',
      required: false,
      description: 'The ETag that the decision rests on; 412 when the thing was changed since.',
      schema: { type: 'string' },
    }),
  );

/** Metadata key of `SecretAnswer`. */
export const SECRET_ANSWER = 'ratchet:secret-answer';

/** The answer holds a secret, so it is never kept for a repeated request: the route refuses an `Idempotency-Key`. */
export const SecretAnswer = (): MethodDecorator =>
  applyDecorators(SetMetadata(SECRET_ANSWER, true), ApiExtension('x-ratchet-secret-answer', true));
