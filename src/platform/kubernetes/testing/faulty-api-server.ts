import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoredObject } from '../cluster-resource.js';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

/** An API server of one collection that fails as it is told, a request at a time, and otherwise works. */
export class FaultyApiServer {
  private readonly objects = new Map<string, StoredObject>();
  private readonly watches = new Set<ServerResponse>();
  private readonly sockets = new Set<Socket>();
  private readonly faults: Record<'list' | 'watch', Answer[]> = { list: [], watch: [] };
  private version = 1;
  readonly asked = { list: 0, watch: 0 };

  private constructor(
    private readonly server: ReturnType<typeof createServer>,
    readonly kubeconfig: string,
  ) {}

  static async start(): Promise<FaultyApiServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const folder = await mkdtemp(join(tmpdir(), 'ratchet-api-'));
    const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
    const config = {
      ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'x' },
      clusters: [{ name: 'x', cluster }],
      users: [{ name: 'x', user: {} }],
      contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
    };
    await writeFile(join(folder, 'kubeconfig'), JSON.stringify(config));
    const api = new FaultyApiServer(server, join(folder, 'kubeconfig'));
    server.on('connection', (socket) => {
      api.sockets.add(socket);
      socket.once('close', () => api.sockets.delete(socket));
    });
    server.on('request', (request, response) => {
      api.answer(request, response);
    });
    return api;
  }

  /** The next requests of that kind are answered like this. */
  failNext(kind: 'list' | 'watch', ...answers: Answer[]): void {
    this.faults[kind].push(...answers);
  }

  put(name: string): void {
    this.version += 1;
    const object: StoredObject = {
      metadata: {
        ...{ name, namespace: 'here', uid: `uid-${name}`, resourceVersion: String(this.version) },
        creationTimestamp: '2026-01-01T00:00:00Z',
      },
    };
    const type = this.objects.has(name) ? 'MODIFIED' : 'ADDED';
    this.objects.set(name, object);
    for (const watch of this.watches) watch.write(`${JSON.stringify({ type, object })}\n`);
  }

  /** Gone without a word: no watch hears of it. */
  lose(name: string): void {
    this.objects.delete(name);
  }

  get connections(): number {
    return this.sockets.size;
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
    await rm(join(this.kubeconfig, '..'), { recursive: true, force: true });
  }

  /** Answers a watch as it should be answered. */
  readonly watch: Answer = (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    this.watches.add(response);
    response.once('close', () => this.watches.delete(response));
  };

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const kind = request.url?.includes('watch=true') === true ? 'watch' : 'list';
    this.asked[kind] += 1;
    const fault = this.faults[kind].shift();
    if (fault !== undefined) fault(response, request);
    else if (kind === 'watch') this.watch(response, request);
    else
      status(200, { items: [...this.objects.values()], metadata: { resourceVersion: String(this.version) } })(
        response,
        request,
      );
  }
}

/** An answer with this code and body. */
export function status(code: number, body: unknown = { kind: 'Status', code, message: `scripted ${code}` }): Answer {
  return (response) => {
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** Takes the request and never answers. */
export const blackHole: Answer = () => undefined;

/** Breaks the connection. */
export const reset: Answer = (response) => {
  response.socket?.resetAndDestroy();
};

/** A watch that says these lines and then ends, breaks, or says nothing more. */
export function lines(end: 'end' | 'reset' | 'silence', ...texts: readonly string[]): Answer {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const text of texts) response.write(text);
    if (end === 'end') response.end();
    else if (end === 'reset') setImmediate(() => response.socket?.resetAndDestroy());
  };
}
