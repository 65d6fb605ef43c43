import { randomUUID } from 'node:crypto';
import { EXIT, Failure } from './failure.js';

const ATTEMPTS = 3;

/** What the API answers when it refuses (RFC 9457), as far as the CLI says it. */
interface Problem {
  readonly detail?: string;
  readonly title?: string;
  readonly faults?: readonly { readonly path: string; readonly message: string }[];
}

/** The one way to the API: JSON in, JSON out, refusals as sentences. */
export class Client {
  constructor(
    private readonly url: string,
    private readonly token: string | undefined,
  ) {
    if (!/^https?:\/\//.test(url)) throw new Failure(`"${url}" is no http or https URL.`, EXIT.usage);
  }

  get<Answer>(path: string): Promise<Answer> {
    return this.send<Answer>('GET', path);
  }

  put<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.send<Answer>('PUT', path, jsonBody(body));
  }

  post<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.send<Answer>('POST', path, jsonBody(body));
  }

  /**
   * A change that may be sent again when the connection breaks: the server answers the same key once and for all.
   * @throws Failure when it cannot be reached three times in a row
   */
  async verb<Answer>(path: string, body: unknown): Promise<Answer> {
    const { headers, ...request } = jsonBody(body);
    const once = { ...request, headers: { ...(headers as Record<string, string>), 'idempotency-key': randomUUID() } };
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.send<Answer>('POST', path, once);
      } catch (error) {
        const broken = error instanceof Failure && error.exitCode === EXIT.unreachable;
        if (!broken || attempt === ATTEMPTS) throw error;
      }
    }
  }

  delete<Answer>(path: string): Promise<Answer> {
    return this.send<Answer>('DELETE', path);
  }

  /** Streams a file; it is never held in memory as a whole. */
  upload<Answer>(path: string, file: Blob): Promise<Answer> {
    return this.send<Answer>('POST', path, { headers: { 'content-type': 'application/octet-stream' }, body: file });
  }

  private async send<Answer>(method: string, path: string, request: RequestInit = {}): Promise<Answer> {
    const headers = new Headers(request.headers);
    headers.set('accept', 'application/json');
    if (this.token !== undefined) headers.set('authorization', `Bearer ${this.token}`);
    const target = `${this.url.replace(/\/+$/, '')}/api/v1${path}`;
    const response = await fetch(target, { ...request, method, headers, redirect: 'error' }).catch((error: unknown) => {
      throw new Failure(`Cannot reach Ratchet at ${this.url}: ${causeOf(error)}.`, EXIT.unreachable);
    });
    const text = await response.text();
    if (!response.ok) throw new Failure(sentence(response, text));
    return parse<Answer>(text, target);
  }
}

/** One path segment out of what the user typed. */
export function segment(text: string): string {
  return encodeURIComponent(text);
}

function jsonBody(body: unknown): RequestInit {
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

function parse<Answer>(text: string, target: string): Answer {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    throw new Failure(`${target} does not answer like Ratchet: ${JSON.stringify(text.slice(0, 80))}.`);
  }
}

function sentence(response: Response, text: string): string {
  let problem: Problem;
  try {
    problem = JSON.parse(text) as Problem;
  } catch {
    return `The server answered ${response.status} ${response.statusText}.`;
  }
  const said = problem.detail ?? problem.title ?? `The server answered ${response.status}.`;
  if (!problem.faults || problem.faults.length === 0) return said;
  const faults = problem.faults.map(({ path, message }) => `  ${path === '' ? '' : `${path}: `}${message}`);
  return [`${said.split(': ', 1)[0] ?? said}:`, ...faults].join('\n');
}

/** `fetch` says only "fetch failed"; why is in the chain of causes. */
function causeOf(error: unknown): string {
  let deepest = error;
  while (deepest instanceof Error && deepest.cause !== undefined) deepest = deepest.cause;
  if (!(deepest instanceof Error)) return String(deepest);
  return deepest.message || ((deepest as NodeJS.ErrnoException).code ?? deepest.name);
}
