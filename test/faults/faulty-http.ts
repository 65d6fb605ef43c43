import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as overHttp,
  type ServerResponse,
} from 'node:http';
import { request as overHttps, type RequestOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../../src/kernel/index.js';

/** Decided when a request arrives. */
const ON_ARRIVAL = ['overloaded', 'unavailable', 'reset', 'lost', 'slow'] as const;
export type HttpFault = (typeof ON_ARRIVAL)[number] | 'cut';

/**
 * A reverse proxy before a real HTTP server that fails with a probability, at each request and at each chunk of an answer:
 * `overloaded` 429 and `unavailable` 503, both without asking the server · `reset` the connection breaks before the request arrives ·
 * `lost` it is carried out, and the connection breaks before its answer · `slow` 50 to 500 ms later, which is another order ·
 * `cut` the answer breaks off, which is also how a watch ends.
 */
export class FaultyHttp {
  readonly injected: Record<HttpFault, number> = {
    ...{ overloaded: 0, unavailable: 0, reset: 0, lost: 0, slow: 0, cut: 0 },
  };
  /** Zero disarms it. */
  probability: number;
  requests = 0;
  private readonly random: () => number;
  private readonly server = createServer((asked, answer) => {
    this.requests += 1;
    // What fails without being planted is a broken line, too.
    this.pass(asked, answer).catch(() => answer.destroy());
  });

  private constructor(
    private readonly target: URL,
    private readonly credentials: RequestOptions,
    faults: { readonly seed: number; readonly probability: number },
  ) {
    this.random = seededRandom(faults.seed);
    this.probability = faults.probability;
  }

  /** Listens on a free port of the loopback address. `credentials`: what TLS to the target needs. */
  static async start(
    target: string,
    faults: { readonly seed: number; readonly probability: number },
    credentials: RequestOptions = {},
  ): Promise<FaultyHttp> {
    const proxy = new FaultyHttp(new URL(target), credentials, faults);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private async pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const fault = this.isDue() ? this.plant(ON_ARRIVAL[Math.floor(this.random() * ON_ARRIVAL.length)]!) : null;
    if (fault === 'reset') {
      asked.socket.resetAndDestroy();
      return;
    }
    if (fault === 'overloaded' || fault === 'unavailable') {
      answer.writeHead(fault === 'overloaded' ? 429 : 503, { 'retry-after': '1' }).end('upstream connect error');
      return;
    }
    if (fault === 'slow') await pause(50 + this.random() * 450);
    const upstream = await this.forward(asked, answer);
    if (fault === 'lost') {
      for await (const _ of upstream); // carried out for certain
      asked.socket.resetAndDestroy();
      return;
    }
    answer.writeHead(upstream.statusCode ?? 502, endToEnd(upstream.headers));
    for await (const chunk of upstream) {
      if (this.isDue()) {
        this.plant('cut');
        answer.write((chunk as Buffer).subarray(0, (chunk as Buffer).length / 2));
        upstream.destroy();
        asked.socket.destroySoon();
        return;
      }
      answer.write(chunk);
    }
    answer.end();
  }

  private async forward(asked: IncomingMessage, answer: ServerResponse): Promise<IncomingMessage> {
    const { protocol, hostname, port } = this.target;
    const send = protocol === 'https:' ? overHttps : overHttp;
    const onward = send({
      ...{ ...this.credentials, hostname, port, method: asked.method, path: asked.url },
      headers: { ...endToEnd(asked.headers), host: this.target.host },
    });
    answer.on('close', () => onward.destroy());
    asked.pipe(onward);
    const [upstream] = (await once(onward, 'response')) as [IncomingMessage];
    // A line that breaks later is told by the loop that reads it.
    onward.on('error', () => undefined);
    return upstream;
  }

  private plant<Kind extends HttpFault>(kind: Kind): Kind {
    this.injected[kind] += 1;
    return kind;
  }

  private isDue(): boolean {
    return this.probability > 0 && this.random() < this.probability;
  }
}

/** Without what belongs to one hop only. */
function endToEnd(headers: OutgoingHttpHeaders): OutgoingHttpHeaders {
  const { connection: _connection, 'keep-alive': _keepAlive, 'transfer-encoding': _encoding, ...rest } = headers;
  return rest;
}
