import { createHash } from 'node:crypto';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import canonicalize from 'canonicalize';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { lastValueFrom, type Observable, of } from 'rxjs';
import type { RequestWithActor } from './decorators.js';
import { InvalidKey, KeyReused } from './errors.js';
import { IdempotencyLedger, type RequestKey, type StoredAnswer } from './idempotency-ledger.js';
import { type Problem, StoredProblem, toProblem } from './problem.js';
import { SECRET_ANSWER } from './revisions.js';

/** Printable ASCII; long enough for any UUID with a prefix. */
const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * `Idempotency-Key` on any POST: the first answer is kept with what the request changed, and given again for 24 hours. Refusals
 * are kept too, but not what may go well next time (`retryable`, or a fault of ours). Bodies that stream are addressed by
 * their content anyway, so their key is not looked at.
 */
@Injectable()
export class IdempotencyInterceptor implements NestInterceptor {
  constructor(
    private readonly ledger: IdempotencyLedger,
    private readonly reflector: Reflector,
  ) {}

  async intercept(context: ExecutionContext, next: CallHandler): Promise<Observable<unknown>> {
    const request = context.switchToHttp().getRequest<FastifyRequest & RequestWithActor>();
    const reply = context.switchToHttp().getResponse<FastifyReply>();
    const key = keyOf(request);
    if (key === null || isStream(request.body)) return next.handle();
    if (!KEY.test(key.key)) throw new InvalidKey('must be 1 to 255 printable characters without spaces');
    if (this.reflector.get<boolean | undefined>(SECRET_ANSWER, context.getHandler()) === true)
      throw new InvalidKey('is not taken here: the answer holds a secret, which is not kept');
    const hash = hashOf(request);
    try {
      return of(
        await this.ledger.once(key, async (known) => {
          if (known !== null) return replay(known, hash, key, reply);
          const body: unknown = await lastValueFrom(next.handle(), { defaultValue: undefined });
          await this.ledger.keep(key, {
            hash,
            status: reply.statusCode,
            body: body === undefined ? null : JSON.stringify(body),
          });
          return body;
        }),
      );
    } catch (error) {
      await this.keepRefusal(key, hash, error, request.url);
      throw error;
    }
  }

  private async keepRefusal(key: RequestKey, hash: string, error: unknown, url: string): Promise<void> {
    if (error instanceof StoredProblem || error instanceof KeyReused) return;
    const problem = toProblem(error, url);
    if (problem.retryable || problem.status >= 500) return;
    await this.ledger.keep(key, { hash, status: problem.status, body: JSON.stringify(problem) });
  }
}

function keyOf(request: FastifyRequest & RequestWithActor): RequestKey | null {
  const header = request.headers['idempotency-key'];
  if (request.method !== 'POST' || header === undefined || request.actor === undefined) return null;
  return { actor: request.actor.name, key: String(header) };
}

function isStream(body: unknown): boolean {
  return typeof (body as { pipe?: unknown } | null | undefined)?.pipe === 'function';
}

function hashOf({ method, url, body }: FastifyRequest): string {
  const bytes = Buffer.isBuffer(body) ? body : Buffer.from(canonicalize(body ?? null) ?? '');
  return createHash('sha256').update(`${method} ${url}\n`).update(bytes).digest('hex');
}

function replay(known: StoredAnswer, hash: string, { key }: RequestKey, reply: FastifyReply): unknown {
  if (known.hash !== hash) throw new KeyReused(key);
  void reply.header('idempotent-replayed', 'true');
  const body: unknown = known.body === null ? undefined : JSON.parse(known.body);
  if (known.status >= 400) throw new StoredProblem(body as Problem);
  return body;
}
