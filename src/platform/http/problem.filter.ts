import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { log } from '../observability/index.js';
import { toProblem } from './problem.js';

/** Answers every error as application/problem+json; logs the ones that are our fault. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const problem = toProblem(error, request.url);
    if (problem.status >= 500) {
      log.error({ err: error, method: request.method, url: request.url, status: problem.status }, 'request failed');
    }
    if (reply.sent || reply.raw.headersSent) {
      // The answer is half written; all that is left is to end it, so that the client does not take it for whole.
      reply.raw.destroy();
      return;
    }
    if (problem.status === 401) void reply.header('www-authenticate', 'Bearer realm="ratchet"');
    if (problem.retryable && (problem.status === 429 || problem.status === 503)) void reply.header('retry-after', '1');
    // A body that was refused unread would block the next request on this connection.
    if (problem.status === 413) void reply.header('connection', 'close');
    void reply
      .status(problem.status)
      .header('content-type', 'application/problem+json; charset=utf-8')
      .send(JSON.stringify(problem));
  }
}
