import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One way to answer a query. */
export type Answering = (query: URLSearchParams, response: ServerResponse, request: IncomingMessage) => void;

/** An HTTP server in the place of Prometheus that answers every query as it is told. */
export class ScriptedPrometheus {
  answering: Answering = (_, response) => response.end(vector([]));
  readonly queries: string[] = [];
  url = '';
  private readonly server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const form = new URLSearchParams(body);
      this.queries.push(form.get('query') ?? '');
      this.answering(form, response, request);
    });
  });

  async start(): Promise<this> {
    await new Promise<void>((ready) => this.server.listen(0, '127.0.0.1', ready));
    this.url = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

type Remarks = Readonly<Record<'warnings' | 'infos', readonly string[]>>;

/** What Prometheus answers with a vector of these labels and numbers (as it writes them). */
export function vector(
  series: readonly (readonly [Readonly<Record<string, string>>, string])[],
  remarks: Partial<Remarks> = {},
): string {
  const at = Date.now() / 1000;
  const result = series.map(([metric, value]) => ({ metric, value: [at, value] }));
  return JSON.stringify({ status: 'success', data: { resultType: 'vector', result }, ...remarks });
}

/** What Prometheus answers with one number. */
export function scalar(value: string): string {
  return JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [Date.now() / 1000, value] } });
}

/** Answers with a status and the words of Prometheus for it. */
export function refusal(status: number, errorType: string, error: string): Answering {
  return (_, response) => {
    response.statusCode = status;
    response.end(JSON.stringify({ status: 'error', errorType, error }));
  };
}
