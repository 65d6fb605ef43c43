import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { histogram } from '../observability/index.js';

export const httpRequestSeconds = histogram({
  name: 'ratchet_http_request_seconds',
  help: 'Time from a request to the end of its answer, by route template.',
  labels: ['method', 'route', 'status'],
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
});

/** Measures every request; unknown paths share one label value. */
export function measureRequests(app: NestFastifyApplication): void {
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onResponse', async (request, reply) => {
      const labels = {
        method: request.method,
        route: request.routeOptions.url ?? 'unknown',
        status: String(reply.statusCode),
      };
      httpRequestSeconds.observe(labels, reply.elapsedTime / 1000);
    });
}
