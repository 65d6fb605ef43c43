import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { registry } from '../platform/observability/index.js';

/** Answers probes and scrapes: `/healthz` while the process turns, `/readyz` while it can be relied on, `/metrics`. */
export async function serveHealth(
  port: number,
  problem: () => string | null,
): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?');
    if (request.method !== 'GET') say(response, 405, 'only GET');
    else if (path === '/healthz') say(response, 200, 'ok');
    else if (path === '/readyz') {
      const why = problem();
      say(response, why === null ? 200 : 503, why ?? 'ok');
    } else if (path === '/metrics') void metrics(response);
    else say(response, 404, 'there are /healthz, /readyz and /metrics');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => close(server) };
}

async function metrics(response: ServerResponse): Promise<void> {
  try {
    response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics());
  } catch (error) {
    say(response, 500, String(error));
  }
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}
