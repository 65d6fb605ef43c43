import { type Abstract, type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { ModuleRef, Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../../kernel/index.js';
import { type SettingsOf } from '../config/index.js';
import { covers, secretMatches, sha256 } from './api-token.js';
import {
  type Access,
  ACCESS,
  CREDENTIAL,
  OPENABLE,
  type RequestWithActor,
  type RouteCredential,
} from './decorators.js';
import { LoopbackOnly, RoleTooLow, Unauthenticated, UndeclaredRoute } from './errors.js';
import { notFromThisMachine } from './loopback.js';
import { httpSettings } from './settings.js';
import { TokenStore } from './token-store.js';

/** Lets a request through only when its route declares who may call it and the caller is one of them. */
@Injectable()
export class AuthGuard implements CanActivate {
  private readonly bootstrapHash: Buffer | null;
  private readonly open: ReadonlySet<string>;

  constructor(
    private readonly reflector: Reflector,
    private readonly tokens: TokenStore,
    @Inject(httpSettings.token) settings: SettingsOf<typeof httpSettings>,
    private readonly modules: ModuleRef,
  ) {
    this.open = new Set(settings.openRoutes);
    this.bootstrapHash = settings.bootstrapToken === undefined ? null : sha256(settings.bootstrapToken);
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = this.reflector.getAllAndOverride<Access | undefined>(ACCESS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (access === undefined) throw new UndeclaredRoute();
    if (access === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest & RequestWithActor>();
    if (access === 'credential') {
      await this.credentialOf(context).admit(bearer(request), request.params as Record<string, string>);
      return true;
    }
    if (this.isOpen(context, request)) return true;
    const actor = await this.identify(request);
    if (!covers(actor.role, access)) throw new RoleTooLow(actor.role, access);
    request.actor = actor;
    return true;
  }

  /** A token that is presented must be good, also where none is needed. */
  private isOpen(context: ExecutionContext, request: FastifyRequest): boolean {
    const name = this.reflector.get<string | undefined>(OPENABLE, context.getHandler());
    return name !== undefined && this.open.has(name) && request.headers.authorization === undefined;
  }

  private async identify(request: FastifyRequest): Promise<Actor> {
    const presented = bearer(request);
    if (presented !== null) {
      const actor = this.asBootstrap(presented) ?? (await this.tokens.authenticate(presented));
      if (actor === null) throw new Unauthenticated('The token is unknown, revoked or expired.');
      return actor;
    }
    if (this.bootstrapHash !== null || (await this.tokens.any())) {
      throw new Unauthenticated('This needs an API token: send "Authorization: Bearer rt_…".');
    }
    const why = notFromThisMachine({ peer: request.socket.remoteAddress, headers: request.headers });
    if (why !== null) throw new LoopbackOnly(why);
    return { name: 'loopback', role: 'admin' };
  }

  /** Whoever the route names; without a provider of it nobody gets in. */
  private credentialOf(context: ExecutionContext): RouteCredential {
    const credential = this.reflector.getAllAndOverride<Abstract<RouteCredential>>(CREDENTIAL, [
      context.getHandler(),
      context.getClass(),
    ]);
    return this.modules.get(credential, { strict: false });
  }

  private asBootstrap(presented: string): Actor | null {
    const matches = this.bootstrapHash !== null && secretMatches(presented, this.bootstrapHash);
    return matches ? { name: 'bootstrap', role: 'admin' } : null;
  }
}

function bearer(request: FastifyRequest): string | null {
  const header = request.headers.authorization;
  if (header === undefined) return null;
  const [scheme, text] = header.split(' ', 2);
  if (scheme?.toLowerCase() !== 'bearer' || text === undefined) {
    throw new Unauthenticated('Only "Authorization: Bearer" is understood.');
  }
  return text;
}
