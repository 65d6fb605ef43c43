/** Thrown when the control plane answered with a problem. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    path: string,
    body: string,
  ) {
    super(`${path} answered ${status}: ${body.slice(0, 500)}`);
    this.name = 'ApiProblem';
  }
}

/** Thrown when nobody answers: the control plane is starting, stopping or was killed. */
export class Unreachable extends Error {
  constructor(path: string, cause: unknown) {
    super(`${path} is not reachable`, { cause });
    this.name = 'Unreachable';
  }
}

/** The control plane's REST API, as far as the demo needs it. */
export class Api {
  /** `token` is null where the control plane takes this machine's own user without one. */
  constructor(
    readonly url: string,
    private readonly token: string | null = null,
  ) {}

  /** Headers that every request needs. */
  get credentials(): Readonly<Record<string, string>> {
    return this.token === null ? {} : { authorization: `Bearer ${this.token}` };
  }

  get<T>(path: string): Promise<T> {
    return this.call<T>('GET', path);
  }

  send<T>(method: 'POST' | 'PUT', path: string, body: unknown): Promise<T> {
    return this.call<T>(method, path, JSON.stringify(body), 'application/json');
  }

  upload(bytes: Uint8Array<ArrayBuffer>): Promise<{ digest: string; sizeBytes: number }> {
    return this.call('POST', '/api/v1/artifacts', bytes, 'application/octet-stream');
  }

  private async call<T>(
    method: string,
    path: string,
    body?: string | Uint8Array<ArrayBuffer>,
    type?: string,
  ): Promise<T> {
    let response: Response;
    let text: string;
    const headers = {
      ...(type === undefined ? {} : { 'content-type': type }),
      ...this.credentials,
    };
    try {
      response = await fetch(this.url + path, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
        signal: AbortSignal.timeout(20_000),
      });
      text = await response.text();
    } catch (error) {
      throw new Unreachable(path, error);
    }
    if (!response.ok) throw new ApiProblem(response.status, path, text);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }
}
