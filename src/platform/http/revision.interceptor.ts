import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { ModuleRef, Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { map, type Observable } from 'rxjs';
import { RevisionIsStale } from './errors.js';
import { REVISION_OF, type RevisionSource } from './revisions.js';

/** Whatever has a revision is answered with it as its ETag, in quotes. */
@Injectable()
export class EtagInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    return next.handle().pipe(
      map((body: unknown) => {
        const revision = (body as { revision?: unknown } | null | undefined)?.revision;
        if (Number.isInteger(revision)) void reply.header('etag', `"${String(revision)}"`);
        return body;
      }),
    );
  }
}

/** Looks at `If-Match` where a route takes it, before anything is done. */
@Injectable()
export class IfMatchInterceptor implements NestInterceptor {
  constructor(
    private readonly modules: ModuleRef,
    private readonly reflector: Reflector,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const token = this.reflector.get<(abstract new () => RevisionSource) | undefined>(
      REVISION_OF,
      context.getHandler(),
    );
    const request = context.switchToHttp().getRequest<FastifyRequest<{ Params: { id?: string } }>>();
    const wanted = request.headers['if-match'];
    if (token === undefined || wanted === undefined || wanted.trim() === '*') return next.handle();
    const source = this.modules.get<RevisionSource>(token, { strict: false });
    const { revision } = await source.require(request.params.id ?? '');
    // A weak tag never matches where something is changed (RFC 9110, 13.1.1).
    const stated = wanted.split(',').map((tag) => tag.trim());
    if (!stated.includes(`"${revision}"`)) throw new RevisionIsStale(wanted, revision);
    return next.handle();
  }
}
