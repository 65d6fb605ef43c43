import { createServer, request as ask, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type ClusterConnection,
  ClusterResource,
  ResilientInformer,
  type StoredObject,
} from '../../src/platform/kubernetes/index.js';
import { ROUTE_KINDS } from '../../src/rollouts/index.js';

interface BackendRef {
  readonly name: string;
  readonly weight?: number;
}
interface Rule {
  readonly matches?: readonly { readonly path?: { readonly value?: string } }[];
  readonly backendRefs?: readonly BackendRef[];
}
export interface HttpRoute extends StoredObject {
  readonly spec: { readonly rules?: readonly Rule[] };
}

/** How far a backend of a rule is behind its share. */
type Turns = Map<string, number>;

/**
 * A small gateway: watches one HTTPRoute, splits requests between real backends by its weights (smooth weighted round robin,
 * as proxies do), and says in the route's status that it has taken the present spec.
 */
export class SplittingProxy {
  private rules: readonly { readonly rule: Rule; readonly turns: Turns }[] = [];
  private readonly informer: ResilientInformer<HttpRoute>;
  private readonly resource: ClusterResource<HttpRoute>;
  private readonly server: Server;
  private working: Promise<void> = Promise.resolve();
  /** False: takes every change, but says nothing about it. */
  speaks = true;

  private constructor(
    connection: ClusterConnection,
    namespace: string,
    private readonly name: string,
    private readonly backends: ReadonlyMap<string, string>,
  ) {
    this.resource = new ClusterResource<HttpRoute>(connection, ROUTE_KINDS['http-route'], namespace);
    this.informer = new ResilientInformer(this.resource, { resyncMs: 5_000, backoffMs: [100, 1_000] });
    this.informer.onChange(({ kind, object }) => {
      if (object.metadata.name === name) this.take(kind === 'seen' ? object : null);
    });
    this.server = createServer((request, response) => {
      this.pass(request, response);
    });
  }

  /** @param backends URLs by the name of the Service that the route knows them by */
  static async open(
    connection: ClusterConnection,
    namespace: string,
    name: string,
    backends: ReadonlyMap<string, string>,
  ): Promise<SplittingProxy> {
    const proxy = new SplittingProxy(connection, namespace, name, backends);
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    proxy.informer.start();
    await proxy.informer.synced();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    await this.informer.stop();
    await this.working;
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Says of the route's present spec what a gateway would say. */
  async say(route: HttpRoute, accepted = true, resolved = true): Promise<void> {
    const condition = (type: string, isSo: boolean) => ({
      ...{ type, status: isSo ? 'True' : 'False', reason: isSo ? type : `Not${type}`, message: '' },
      ...{ observedGeneration: route.metadata.generation, lastTransitionTime: new Date().toISOString() },
    });
    const parent = {
      parentRef: { name: 'proxy' },
      controllerName: 'example.com/splitting-proxy',
      conditions: [condition('Accepted', accepted), condition('ResolvedRefs', resolved)],
    };
    await this.resource.patch(this.name, [{ op: 'add', path: '/status', value: { parents: [parent] } }], 'status');
  }

  private take(route: HttpRoute | null): void {
    const text = JSON.stringify(route?.spec.rules ?? []);
    if (JSON.stringify(this.rules.map(({ rule }) => rule)) !== text)
      this.rules = (route?.spec.rules ?? []).map((rule) => ({ rule, turns: new Map() }));
    if (route === null || !this.speaks || this.hasSpoken(route)) return;
    // A newer generation is seen before long and said then.
    this.working = this.working.then(() => this.say(route)).catch(() => undefined);
  }

  private hasSpoken(route: HttpRoute): boolean {
    const { status } = route as { status?: { parents?: { conditions: { observedGeneration?: number }[] }[] } };
    return (status?.parents ?? []).some(({ conditions }) =>
      conditions.every(({ observedGeneration }) => observedGeneration === route.metadata.generation),
    );
  }

  private pass(request: IncomingMessage, response: ServerResponse): void {
    const found = this.rules.find(({ rule }) => matches(rule, request.url ?? '/'));
    const chosen = found === undefined ? null : choose(found.rule, found.turns);
    const target = chosen === null ? undefined : this.backends.get(chosen);
    if (target === undefined) {
      response.writeHead(found === undefined ? 404 : 500).end();
      return;
    }
    const { method, headers } = request;
    const onward = ask(new URL(request.url ?? '/', target), { method: method ?? 'GET', headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, { ...answer.headers, 'x-backend': chosen! });
      answer.pipe(response);
    });
    onward.on('error', () => response.writeHead(502).end());
    request.pipe(onward);
  }
}

function matches(rule: Rule, url: string): boolean {
  const paths = (rule.matches ?? []).map(({ path }) => path?.value ?? '/');
  return paths.length === 0 || paths.some((path) => url.startsWith(path));
}

/** The backend whose turn it is; null when none has any weight. */
function choose({ backendRefs = [] }: Rule, turns: Turns): string | null {
  const weighted = backendRefs.map(({ name, weight = 1 }) => ({ name, weight })).filter(({ weight }) => weight > 0);
  const sum = weighted.reduce((all, { weight }) => all + weight, 0);
  let best: string | null = null;
  for (const { name, weight } of weighted) {
    const turn = (turns.get(name) ?? 0) + weight;
    turns.set(name, turn);
    if (best === null || turn > turns.get(best)!) best = name;
  }
  if (best !== null) turns.set(best, turns.get(best)! - sum);
  return best;
}

/** A backend that answers with its name. */
export async function namedBackend(
  name: string,
): Promise<{ readonly url: string; readonly close: () => Promise<void> }> {
  const server = createServer((_request, response) => response.end(name));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends `count` requests, `width` at once; what answered how often. */
export async function sendMany(url: string, count: number, width: number): Promise<Map<string, number>> {
  const answers = new Map<string, number>();
  let left = count;
  const send = async (): Promise<void> => {
    while (left-- > 0) {
      const response = await fetch(url);
      const said = response.ok ? await response.text() : `HTTP ${response.status}`;
      answers.set(said, (answers.get(said) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: width }, send));
  return answers;
}
