import { readFile } from 'node:fs/promises';
import { ErrorSchema, type PrometheusAnswer, SuccessSchema, toAnswer } from './answer.js';
import { type PrometheusFailure, PrometheusUnavailable, QueryNotExecuted, QueryRefused } from './errors.js';
import { queriesTotal, querySeconds } from './metrics.js';
import type { PrometheusSettings } from './settings.js';

/** So much earlier than we give up Prometheus itself is to give up, so that its reason still arrives. */
const HEAD_START_MS = 250;
/** As much of a text from outside as belongs in a message. */
const SAID_CHARACTERS = 400;

export type PrometheusClientSettings = Pick<
  PrometheusSettings,
  'timeoutMs' | 'bearerTokenFile' | 'maxResponseBytes'
> & { readonly url: string };

/**
 * Asks one Prometheus, whose address only the operator sets. Follows no redirect, reads no more than it may, waits no
 * longer than it may, and believes only what has the documented shape.
 */
export class PrometheusClient {
  private readonly endpoint: URL;
  private heard = 'not asked yet';

  constructor(private readonly settings: PrometheusClientSettings) {
    this.endpoint = new URL(`${settings.url.replace(/\/+$/, '')}/api/v1/query`);
  }

  /** Where it asks, for people: without credentials or parameters. */
  get address(): string {
    return `${this.endpoint.protocol}//${this.endpoint.host}`;
  }

  /** What came of the last query, for people. */
  get lastHeard(): string {
    return this.heard;
  }

  /**
   * An instant query, evaluated at `at` or else at the present of Prometheus.
   * @throws QueryRefused @throws QueryNotExecuted @throws PrometheusUnavailable
   */
  async query(query: string, at: Date | null = null): Promise<PrometheusAnswer> {
    const stop = querySeconds.startTimer();
    try {
      const answer = await this.ask(query, at);
      queriesTotal.inc({ outcome: 'ok' });
      this.heard = 'it answers';
      return answer;
    } catch (error) {
      const outcome = outcomeOf(error);
      queriesTotal.inc({ outcome });
      this.heard = error instanceof PrometheusUnavailable ? `it gives no answer (${outcome})` : 'it answers';
      throw error;
    } finally {
      stop();
    }
  }

  private async ask(query: string, at: Date | null): Promise<PrometheusAnswer> {
    const { timeoutMs } = this.settings;
    const form = new URLSearchParams({ query, timeout: `${Math.max(timeoutMs - HEAD_START_MS, timeoutMs / 2)}ms` });
    if (at !== null) form.set('time', (at.getTime() / 1000).toFixed(3));
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const response = await fetch(this.endpoint, {
        method: 'POST',
        body: form,
        headers: { accept: 'application/json', ...(await this.authorization()) },
        redirect: 'manual',
        signal,
      });
      return read(response.status, await this.text(response), query);
    } catch (error) {
      throw explain(error, signal, timeoutMs);
    }
  }

  private async authorization(): Promise<Record<string, string>> {
    const { bearerTokenFile } = this.settings;
    if (bearerTokenFile === undefined) return {};
    try {
      return { authorization: `Bearer ${(await readFile(bearerTokenFile, 'utf8')).trim()}` };
    } catch (error) {
      throw new PrometheusUnavailable('refused', 'the file with the bearer token cannot be read', { cause: error });
    }
  }

  private async text(response: Response): Promise<string> {
    const { maxResponseBytes } = this.settings;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    if (response.body === null) return '';
    for await (const chunk of response.body) {
      bytes += chunk.byteLength;
      if (bytes > maxResponseBytes) {
        // Leaving the loop cancels the rest.
        throw new PrometheusUnavailable('too-large', `the answer has more than ${maxResponseBytes} bytes`);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  }
}

function read(status: number, text: string, query: string): PrometheusAnswer {
  const body = toJson(text);
  if (status === 200) {
    const success = SuccessSchema.safeParse(body);
    if (success.success) return toAnswer(success.data);
    throw new PrometheusUnavailable('garbage', 'the answer is not of the documented form');
  }
  const said = ErrorSchema.safeParse(body);
  const why = said.success ? short(`${said.data.errorType}: ${said.data.error}`) : `status ${status}`;
  if (said.success && status === 400) throw new QueryRefused(short(said.data.error), query);
  if (said.success && status === 422) throw new QueryNotExecuted(short(said.data.error), query);
  throw new PrometheusUnavailable(failureOf(status, said.success ? said.data.errorType : null), why);
}

/** What a status other than 200 stands for, when it says nothing about the query. */
function failureOf(status: number, errorType: string | null): PrometheusFailure {
  if (errorType === 'timeout' || status === 504) return 'timeout';
  if (status === 429) return 'overloaded';
  if (status >= 500) return 'server';
  if (status === 400 || status === 422) return 'garbage'; // not in the words of Prometheus: somebody stands between
  return 'refused';
}

function explain(error: unknown, signal: AbortSignal, timeoutMs: number): Error {
  if (error instanceof PrometheusUnavailable || error instanceof QueryRefused || error instanceof QueryNotExecuted) {
    return error;
  }
  if (signal.aborted) return new PrometheusUnavailable('timeout', `nothing within ${timeoutMs} ms`, { cause: error });
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
  return new PrometheusUnavailable('unreachable', short(cause), { cause: error });
}

function outcomeOf(error: unknown): string {
  if (error instanceof QueryRefused) return 'bad-query';
  if (error instanceof QueryNotExecuted) return 'not-executed';
  return error instanceof PrometheusUnavailable ? error.failure : 'unreachable';
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // fits no schema, and is told as that
  }
}

/** Control characters could forge lines in a terminal. */
function short(text: string): string {
  const plain = text.replaceAll(/\p{Cc}+/gu, ' ');
  return plain.length <= SAID_CHARACTERS ? plain : `${plain.slice(0, SAID_CHARACTERS)}…`;
}
