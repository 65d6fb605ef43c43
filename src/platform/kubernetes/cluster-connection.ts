import { existsSync } from 'node:fs';
import { delimiter } from 'node:path';
import type { KubeConfig, RequestContext, ResponseContext } from '@kubernetes/client-node';
import { RatchetError } from '../../kernel/index.js';
import { processEnvironment } from '../config/index.js';
import { ClusterMissing, ClusterUnavailable } from './errors.js';
import { failureOf, reasonOf } from './explain.js';
import { kubernetesRequestSeconds, kubernetesRequestsTotal } from './metrics.js';
import { ServerClock } from './server-clock.js';
import type { KubernetesSettings } from './settings.js';

type Client = typeof import('@kubernetes/client-node');
type Dispatcher = NonNullable<ReturnType<RequestContext['getDispatcher']>>;
export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** One request, and what it is about in words for errors (`what`) and metrics (`resource`, a plural). */
export interface ClusterRequest {
  readonly what: string;
  readonly resource: string;
  readonly verb: Verb;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** @default application/json */
  readonly contentType?: string;
  /** @default the setting */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/token';
/** Certificates and authorities are read from their files anew so often. */
const ROTATE_MS = 300_000;
const RESULTS: Readonly<Record<string, string>> = {
  conflict: 'conflict',
  not_found: 'missing',
  forbidden: 'forbidden',
  unprocessable: 'refused',
};

/**
 * The way to the API server: credentials of a kubeconfig or of the pod's service account, one pool of connections, a time
 * limit on every request, and each failure as one of the errors of this folder. Nothing is read or loaded before the
 * first request, so a process that needs no cluster needs none configured.
 */
export class ClusterConnection {
  private loaded: Promise<{ readonly client: Client; readonly config: KubeConfig }> | null = null;
  private pool: { readonly dispatcher: Dispatcher; readonly since: number } | null = null;
  private readonly retired = new Set<Dispatcher>();
  private readonly serverClock = new ServerClock();
  private closed = false;

  constructor(private readonly options: Pick<KubernetesSettings, 'kubeconfig' | 'requestTimeoutMs'>) {}

  /** Whether the settings or the surroundings name a cluster; says nothing about whether it answers. */
  get configured(): boolean {
    return this.options.kubeconfig !== undefined || inCluster();
  }

  /** How far the API server's clock is ahead of ours, in ms: at least and at most; both 0 before its first answer. */
  get serverAheadMs(): { readonly least: number; readonly most: number } {
    return this.serverClock.aheadMs;
  }

  /**
   * The parsed answer. @throws ObjectExists, ObjectChanged, ObjectMissing, ObjectRefused, ClusterForbids, VersionGone,
   * ClusterUnavailable, ClusterMissing
   */
  async request<Answer>(request: ClusterRequest): Promise<Answer> {
    // Loading the client the first time is no fault of the API server.
    await this.load();
    const within = AbortSignal.timeout(request.timeoutMs ?? this.options.requestTimeoutMs);
    const signal = request.signal === undefined ? within : AbortSignal.any([within, request.signal]);
    const began = performance.now();
    try {
      const answer = await this.answerTo<Answer>(request, signal);
      this.count(request, 'ok', began);
      return answer;
    } catch (error) {
      const failure = this.failed(request, error);
      this.count(request, RESULTS[failure.code] ?? 'unavailable', began);
      throw failure;
    }
  }

  /** The open body of a watch; the time limit holds until its head is there. @throws as `request` does */
  async open(request: ClusterRequest & { readonly signal: AbortSignal }): Promise<ReadableStream<Uint8Array>> {
    await this.load();
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new DOMException('no answer in time', 'TimeoutError'));
    }, request.timeoutMs ?? this.options.requestTimeoutMs);
    try {
      const response = await this.send(request, AbortSignal.any([late.signal, request.signal]));
      if (response.httpStatusCode !== 200)
        throw failureOf(request.what, response.httpStatusCode, await response.body.text());
      const stream = response.body.stream();
      if (stream === null) throw new ClusterUnavailable(request.what, 'an answer without a body');
      return stream;
    } catch (error) {
      throw this.failed(request, error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends every connection; requests under way fail. */
  async close(): Promise<void> {
    this.closed = true;
    const pools = [...this.retired, ...(this.pool === null ? [] : [this.pool.dispatcher])];
    this.pool = null;
    this.retired.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  private async answerTo<Answer>(request: ClusterRequest, signal: AbortSignal): Promise<Answer> {
    const response = await this.send(request, signal);
    const text = await response.body.text();
    if (response.httpStatusCode >= 300) throw failureOf(request.what, response.httpStatusCode, text);
    return (text === '' ? undefined : JSON.parse(text)) as Answer;
  }

  private async send(request: ClusterRequest, signal: AbortSignal): Promise<ResponseContext> {
    const { client, config } = await this.load();
    const cluster = config.getCurrentCluster();
    if (cluster === null) throw new ClusterMissing('the kubeconfig has no current context.');
    const context = new client.RequestContext(cluster.server.replace(/\/$/, '') + request.path, request.verb);
    for (const [key, value] of Object.entries(request.query ?? {}))
      if (value !== undefined) context.setQueryParam(key, String(value));
    context.setHeaderParam('Accept', 'application/json');
    context.setHeaderParam('User-Agent', 'ratchet');
    if (request.body !== undefined) {
      context.setHeaderParam('Content-Type', request.contentType ?? 'application/json');
      context.setBody(JSON.stringify(request.body));
    }
    await config.applySecurityAuthentication(context);
    this.share(context);
    context.setSignal(signal);
    const asked = Date.now();
    const response = await new client.IsomorphicFetchHttpLibrary().send(context).toPromise();
    this.serverClock.hear(response.headers['date'], asked, Date.now());
    return response;
  }

  private load(): Promise<{ readonly client: Client; readonly config: KubeConfig }> {
    if (this.loaded === null) {
      const loading = this.read();
      this.loaded = loading;
      // A kubeconfig that appears later is found by the next request.
      loading.catch(() => {
        this.loaded = null;
      });
    }
    return this.loaded;
  }

  /** The client is large (0.8 s, 86 MB), so only those who talk to a cluster load it. */
  private async read(): Promise<{ readonly client: Client; readonly config: KubeConfig }> {
    const { kubeconfig } = this.options;
    if (kubeconfig === undefined && !inCluster())
      throw new ClusterMissing('set RATCHET_KUBERNETES_KUBECONFIG, or run in a pod with a service account.');
    const client = await import('@kubernetes/client-node');
    const config = new client.KubeConfig();
    if (kubeconfig === undefined) config.loadFromCluster();
    else readFiles(client, config, kubeconfig);
    return { client, config };
  }

  /** client-node makes new connections for every request; ours go through one pool. */
  private share(context: RequestContext): void {
    const fresh = context.getDispatcher();
    if (fresh === undefined) return;
    if (this.pool !== null && performance.now() - this.pool.since > ROTATE_MS) this.retire();
    this.pool ??= { dispatcher: fresh, since: performance.now() };
    if (this.closed) void this.close();
    else context.setDispatcher(this.pool.dispatcher);
  }

  /** The next request makes new connections: an old one may be dead without knowing. What is under way may end. */
  private retire(): void {
    if (this.pool === null) return;
    const { dispatcher } = this.pool;
    this.pool = null;
    this.retired.add(dispatcher);
    const forget = (): void => {
      this.retired.delete(dispatcher);
    };
    dispatcher.close().then(forget, forget);
  }

  private failed(request: ClusterRequest, error: unknown): RatchetError {
    if (error instanceof RatchetError) return error;
    this.retire();
    return new ClusterUnavailable(request.what, reasonOf(error), { cause: error });
  }

  private count({ verb, resource }: ClusterRequest, result: string, began: number): void {
    kubernetesRequestsTotal.inc({ verb, resource, result });
    if (result !== 'unavailable') kubernetesRequestSeconds.observe({ verb }, (performance.now() - began) / 1000);
  }
}

/** As kubectl reads `KUBECONFIG`: several files are merged, the first one's context counts. */
function readFiles(client: Client, config: KubeConfig, files: string): void {
  try {
    const [first, ...others] = files.split(delimiter).filter((file) => file !== '');
    config.loadFromFile(first ?? files);
    for (const file of others) {
      const other = new client.KubeConfig();
      other.loadFromFile(file);
      config.mergeConfig(other, true);
    }
  } catch (cause) {
    throw new ClusterMissing(`the kubeconfig ${files} cannot be used: ${reasonOf(cause)}`, { cause });
  }
}

function inCluster(): boolean {
  return processEnvironment()['KUBERNETES_SERVICE_HOST'] !== undefined && existsSync(SERVICE_ACCOUNT);
}
