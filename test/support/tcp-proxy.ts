import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** What a network can do to a connection. */
export type NetworkMode =
  | { readonly kind: 'pass' }
  /** Nothing arrives any more, in neither direction, and nobody is told: a firewall that drops. New connections open and stay mute. */
  | { readonly kind: 'black-hole' }
  /** Every connection, open or new, is reset. */
  | { readonly kind: 'reset' }
  /** What the client sends arrives; what the server answers does not. The other end is gone, and nobody says so. */
  | { readonly kind: 'half-open' }
  /** Every chunk arrives so much later. */
  | { readonly kind: 'latency'; readonly ms: number }
  /** Bytes a second, in each direction of each connection. */
  | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number }
  /** Each chunk resets its connection with this probability, decided by `random`. */
  | { readonly kind: 'flaky'; readonly probability: number; readonly random: () => number };

export const PASS: NetworkMode = { kind: 'pass' };

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/**
 * A TCP proxy between a client and a server whose network can be broken in the ways that networks break. What a connection
 * lost while it was broken stays lost, also after healing: bytes of a stream cannot be left out, so those connections are
 * cut as soon as the network passes again, which is how a real one comes to an end.
 */
export class TcpProxy {
  private readonly links = new Set<Link>();
  /** Connections of which bytes were swallowed. */
  private readonly torn = new Set<Link>();
  private mode: NetworkMode = PASS;
  connections = 0;
  /** Connections that `flaky` has reset. */
  resets = 0;

  private constructor(
    private readonly server: Server,
    private readonly target: { readonly host: string; readonly port: number },
  ) {
    server.on('connection', (client: Socket) => this.open(client));
  }

  /** Listens on a free port of the loopback address, or on `port`. */
  static async start(target: { readonly host: string; readonly port: number }, port = 0): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, target);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** The same URL through this proxy. */
  through(url: string): string {
    const changed = new URL(url);
    changed.hostname = '127.0.0.1';
    changed.port = String(this.port);
    return changed.href;
  }

  set(mode: NetworkMode): void {
    this.mode = mode;
    if (mode.kind === 'reset') for (const link of this.links) this.cut(link);
    if (mode.kind === 'pass') for (const link of this.torn) this.cut(link);
  }

  /** As `set('pass')`, but connections that lost bytes are left as they are: their server is gone and nobody tells the client. */
  passNewConnections(): void {
    this.mode = PASS;
  }

  async close(): Promise<void> {
    for (const link of this.links) this.cut(link);
    await new Promise((done) => this.server.close(done));
  }

  private open(client: Socket): void {
    this.connections += 1;
    if (this.mode.kind === 'reset') {
      client.resetAndDestroy();
      return;
    }
    const link: Link = { client, server: connect({ ...this.target, allowHalfOpen: true }) };
    this.links.add(link);
    for (const socket of [link.client, link.server]) socket.on('error', () => this.cut(link));
    this.pipe(link, client, link.server, 'up');
    this.pipe(link, link.server, client, 'down');
  }

  private pipe(link: Link, from: Socket, to: Socket, direction: 'up' | 'down'): void {
    // Chunks are delivered one after the other, so that delays never change their order.
    let last = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      from.pause();
      last = last.then(async () => {
        await this.deliver(link, to, chunk, direction);
        from.resume();
      });
    });
    from.on('end', () => {
      last = last.then(() => {
        if (this.swallows(direction)) this.torn.add(link);
        else if (!to.destroyed) to.end();
      });
    });
    from.on('close', () => {
      if (link.client.destroyed && link.server.destroyed) this.forget(link);
    });
  }

  private async deliver(link: Link, to: Socket, chunk: Buffer, direction: 'up' | 'down'): Promise<void> {
    const { mode } = this;
    if (this.swallows(direction) || this.torn.has(link)) {
      this.torn.add(link);
      return;
    }
    if (mode.kind === 'flaky' && mode.random() < mode.probability) {
      this.resets += 1;
      this.cut(link);
      return;
    }
    if (mode.kind === 'latency') await pause(mode.ms);
    if (mode.kind === 'bandwidth') await pause((chunk.length / mode.bytesPerSecond) * 1000);
    if (!to.destroyed && to.writable) to.write(chunk);
  }

  private swallows(direction: 'up' | 'down'): boolean {
    return this.mode.kind === 'black-hole' || (this.mode.kind === 'half-open' && direction === 'down');
  }

  private cut(link: Link): void {
    for (const socket of [link.client, link.server]) if (!socket.destroyed) socket.resetAndDestroy();
    this.forget(link);
  }

  private forget(link: Link): void {
    this.links.delete(link);
    this.torn.delete(link);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
