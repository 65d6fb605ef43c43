import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { toProblem } from '../../../platform/http/index.js';
import { log } from '../../../platform/observability/index.js';

/** Says errors the way the Open Inference Protocol does: `{"error": "…"}`, with the status of the problem. */
@Catch()
export class OpenInferenceFilter implements ExceptionFilter {
  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const problem = toProblem(error, request.url);
    if (problem.status === 500) log.error({ err: error, url: request.url }, 'inference failed');
    if (reply.sent || reply.raw.headersSent) return;
    if (problem.status === 401) void reply.header('www-authenticate', 'Bearer realm="ratchet"');
    if (problem.status === 429 || problem.status === 503) void reply.header('retry-after', '1');
    void reply
      .status(problem.status)
      .header('content-type', 'application/json')
      .send(JSON.stringify({ error: problem.detail }));
  }
}
