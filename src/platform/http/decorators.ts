import {
  type Abstract,
  applyDecorators,
  createParamDecorator,
  type ExecutionContext,
  SetMetadata,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiBearerAuth, ApiExtension, ApiOperation } from '@nestjs/swagger';
import type { Actor, Role } from '../../kernel/index.js';

/** Metadata key: the role that a route needs, or `public`. */
export const ACCESS = 'ratchet:access';
export type Access = Role | 'public' | 'credential';

/** Anyone may call this route; for health and metrics only. */
export const Public = (): ClassDecorator & MethodDecorator =>
  applyDecorators(SetMetadata(ACCESS, 'public' satisfies Access), ApiExtension('x-ratchet-role', 'public'));

/** Only actors with this role or a higher one may call this route; the API document states it. */
export const RequireRole = (role: Role): ClassDecorator & MethodDecorator =>
  applyDecorators(
    SetMetadata(ACCESS, role satisfies Access),
    ApiBearerAuth('token'),
    ApiExtension('x-ratchet-role', role),
  );

/** Admits to routes that no role opens: their callers hold something of their own, which opens nothing else. */
export abstract class RouteCredential {
  /**
   * Resolves when this bearer token opens a route with these path parameters.
   * @throws Unauthenticated @throws a forbidden `RatchetError` when it is good, but not for these parameters
   */
  abstract admit(bearer: string | null, parameters: Readonly<Record<string, string>>): Promise<void>;
}

/** Metadata key: the provider that admits to a route whose access is `credential`. */
export const CREDENTIAL = 'ratchet:credential';

/** Only who holds such a credential may call this route, whatever role an API token has. `scheme` names it in the API document. */
export const RequireCredential = (
  credential: Abstract<RouteCredential>,
  scheme: string,
): ClassDecorator & MethodDecorator =>
  applyDecorators(
    SetMetadata(ACCESS, 'credential' satisfies Access),
    SetMetadata(CREDENTIAL, credential),
    ApiBearerAuth(scheme),
    ApiExtension('x-ratchet-role', scheme),
  );

/** One sentence that says what a route does; the summary in the API document. */
export const Summary = (summary: string): MethodDecorator => ApiOperation({ summary });

/** The request, as far as the guard and the parameter decorators need it. */
export interface RequestWithActor {
  actor?: Actor;
}

/** The actor that the guard let through. */
export const CurrentActor = createParamDecorator((_: unknown, context: ExecutionContext): Actor => {
  const { actor } = context.switchToHttp().getRequest<RequestWithActor>();
  if (!actor) throw new TypeError('@CurrentActor() on a route without @RequireRole().');
  return actor;
});

/** What our decorators say about a route to Fastify; see `configureHttp`. */
export interface RouteBodyConfig {
  readonly bodyLimit?: number;
  readonly textBody?: boolean;
  readonly rawBody?: boolean;
}

/** Another bound for this route's body than the default one, in bytes. */
export const BodyLimit = (bytes: number): MethodDecorator =>
  RouteConfig({ bodyLimit: bytes } satisfies RouteBodyConfig);

/**
 * The JSON body arrives as undecoded text (`@Body() text: string`), for a route that keeps what cannot be decoded
 * instead of answering 400.
 */
export const TextBody = (bytes: number): MethodDecorator =>
  RouteConfig({ bodyLimit: bytes, textBody: true } satisfies RouteBodyConfig);

/** The body arrives as its bytes (`@Body() body: Buffer`), whatever content type the request names, or none. */
export const RawBody = (bytes: number): MethodDecorator =>
  RouteConfig({ bodyLimit: bytes, rawBody: true } satisfies RouteBodyConfig);

/** Routes that may be opened to senders without a token. */
export const OPENABLE_ROUTES = ['cloudevents'] as const;
export type OpenableRoute = (typeof OPENABLE_ROUTES)[number];

/** Metadata key: the name by which `RATCHET_HTTP_OPEN_ROUTES` opens a route. */
export const OPENABLE = 'ratchet:openable';

/** An operator may open this route to senders that cannot send a token; closed unless the settings name it. */
export const Openable = (name: OpenableRoute): MethodDecorator => SetMetadata(OPENABLE, name);
