import { RatchetError } from '../kernel/index.js';
import {
  type ClusterConnection,
  ClusterResource,
  ObjectChanged,
  ResilientInformer,
  type StoredObject,
} from '../platform/kubernetes/index.js';
import { log } from '../platform/observability/index.js';
import { planRevertOf, readLease, ROUTE_KINDS, type RouteKind } from '../rollouts/index.js';
import { clockAheadSeconds, failuresTotal, revertsTotal, watchedLeases } from './metrics.js';

export interface GuardianOptions {
  readonly kinds: readonly RouteKind[];
  /** null = all of the cluster. */
  readonly namespaces: readonly (string | null)[];
  /** Everything is listed anew so often, whether the watch works or not. */
  readonly resyncMs: number;
}

interface Watched {
  readonly kind: RouteKind;
  readonly namespace: string | null;
  readonly informer: ResilientInformer<StoredObject>;
}

/** A route that could not be given back is tried again after so long. */
const RETRY_MS = 1_000;
/** Two thirds to four thirds of the resync is how long a watch lasts. */
const STALE_AFTER_RESYNCS = 3;

/**
 * Gives the traffic of a route back to its stable backend once `ratchet.dev/confirm-by` has passed, and does nothing else:
 * it never gives a candidate anything. It knows no database and no control plane; everything it needs is on the route.
 * Leases are judged by the API server's clock. Several guardians harm nobody: a patch fits only the lease that was read.
 */
export class Guardian {
  private readonly watched: readonly Watched[];
  private readonly retryAt = new Map<string, number>();
  private readonly said = new Map<string, string>();
  private lookedAt = performance.now();

  constructor(
    private readonly connection: ClusterConnection,
    private readonly options: GuardianOptions,
  ) {
    this.watched = options.namespaces.flatMap((namespace) =>
      options.kinds.map((kind) => ({
        kind,
        namespace,
        informer: new ResilientInformer(new ClusterResource(connection, ROUTE_KINDS[kind], namespace), {
          resyncMs: options.resyncMs,
          watchdogMs: options.resyncMs * STALE_AFTER_RESYNCS,
          backoffMs: [Math.min(500, options.resyncMs), options.resyncMs],
        }),
      })),
    );
  }

  start(): void {
    for (const { informer } of this.watched) informer.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.watched.map(({ informer }) => informer.stop()));
  }

  /** One look at every route that is known. Never rejects. */
  async look(): Promise<void> {
    this.lookedAt = performance.now();
    clockAheadSeconds.set(this.connection.serverAheadMs.least / 1000);
    for (const kind of this.options.kinds) watchedLeases.set({ kind }, 0);
    for (const { kind, informer } of this.watched) {
      const routes = informer.list();
      watchedLeases.inc({ kind }, routes.filter((route) => (readLease(route)?.confirmBy ?? null) !== null).length);
      await Promise.all(routes.map((route) => this.tend(kind, route)));
    }
  }

  /** Why it cannot be relied on now; null when it can. A kind that the cluster does not have is one of the reasons. */
  problem(): string | null {
    const sinceLook = performance.now() - this.lookedAt;
    if (sinceLook > 30_000) return `nothing was looked at for ${Math.round(sinceLook / 1000)} s`;
    for (const { kind, namespace, informer } of this.watched) {
      const { listedAt } = informer;
      const where = `${ROUTE_KINDS[kind].plural} of ${namespace ?? 'the cluster'}`;
      if (listedAt === null) return `the ${where} were not listed yet`;
      const age = Date.now() - listedAt.getTime();
      if (age > this.options.resyncMs * STALE_AFTER_RESYNCS + 10_000)
        return `the ${where} were listed ${Math.round(age / 1000)} s ago`;
    }
    return null;
  }

  private async tend(kind: RouteKind, route: StoredObject): Promise<void> {
    const key = `${kind}/${route.metadata.namespace ?? ''}/${route.metadata.name}`;
    if (planRevertOf(kind, route, this.now()).kind === 'nothing') {
      this.retryAt.delete(key);
      this.said.delete(key);
      return;
    }
    if ((this.retryAt.get(key) ?? 0) > performance.now()) return;
    this.retryAt.set(key, performance.now() + RETRY_MS);
    try {
      await this.giveBack(kind, key, route);
    } catch (error) {
      if (!(error instanceof RatchetError)) throw error;
      failuresTotal.inc({ kind, cause: error.code });
      this.say(key, error.message);
    }
  }

  /** The copy may be old: when the patch does not fit, what is really there is looked at once. */
  private async giveBack(kind: RouteKind, key: string, copy: StoredObject): Promise<void> {
    const { name, namespace = null } = copy.metadata;
    const resource = new ClusterResource(this.connection, ROUTE_KINDS[kind], namespace);
    for (let route: StoredObject | null = copy, isCopy = true; route !== null; isCopy = false) {
      const plan = planRevertOf(kind, route, this.now());
      if (plan.kind === 'refused') {
        failuresTotal.inc({ kind, cause: 'refused' });
        this.say(key, plan.reason);
      }
      if (plan.kind !== 'patch') return;
      try {
        await resource.patch(name, plan.operations);
        revertsTotal.inc({ kind });
        const { rollout, stable, confirmBy } = readLease(route)!;
        log.warn({ route: key, rollout, stable, confirmBy }, 'traffic given back: nobody confirmed the weight in time');
        return;
      } catch (error) {
        if (!isCopy || !(error instanceof ObjectChanged)) throw error;
        route = await resource.find(name);
      }
    }
  }

  private say(key: string, reason: string): void {
    if (this.said.get(key) === reason) return;
    this.said.set(key, reason);
    log.error({ route: key, reason }, 'traffic cannot be given back; it is tried again');
  }

  /** By the API server's clock: ours may be wrong, and it is the one that all have in common. Never too early. */
  private now(): Date {
    return new Date(Date.now() + this.connection.serverAheadMs.least);
  }
}
