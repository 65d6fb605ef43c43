import type { Clock, Digest } from '../../../kernel/index.js';
import type { TrafficTarget } from '../../../models/index.js';
import {
  currentPercent,
  destinationText,
  HTTP_ROUTE,
  type PairTarget,
  partOfIndex,
  planAwaitServers,
  planRelease,
  planWeight,
  readLease,
  refused,
  seeRoute,
  serviceText,
  VIRTUAL_SERVICE,
  type WeightedKind,
} from '../../domain/routes/index.js';
import { type TrafficOrder, TrafficRouter, type TrafficSight } from '../../ports.js';
import type { PinnedGateways } from '../builtin/pinned-gateways.js';
import type { ClusterRoutes, RoutePlace } from './cluster-routes.js';
import { RouteJournal } from './route-journal.js';

type WeightedTarget = Extract<TrafficTarget, { kind: 'http-route' | 'istio' }>;

/**
 * Routes that have a weight for each of two backends: Gateway API HTTPRoutes and Istio VirtualServices. Behind the backends
 * stand our own gateways, each pinned to an arm; then the weight rises only when they have the candidate loaded.
 */
export class WeightedRouteRouter extends TrafficRouter {
  private readonly journal = new RouteJournal();

  constructor(
    private readonly routes: ClusterRoutes,
    private readonly gateways: PinnedGateways,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async setWeight(order: TrafficOrder, weight: number, confirmBy: Date): Promise<void> {
    const { target, kind, pair } = aimOf(order);
    const waiting = isOurs(target) ? await this.gateways.prepare(order) : null;
    await this.journal.attempt(order.rollout, async () => {
      const { plan } = await this.routes.apply(target, (object) =>
        planWeight(kind, object, pair, {
          rollout: order.rollout,
          // Who is not ready yet gets no more than it has.
          percent: waiting === null ? weight : Math.min(weight, currentPercent(kind, object, pair) ?? 0),
          confirmBy: this.routes.serverTime(confirmBy),
          now: this.routes.serverTime(this.clock.now()),
        }),
      );
      return plan ?? refused(missing(target));
    });
  }

  override async observe(order: TrafficOrder): Promise<TrafficSight> {
    const { target, kind, pair } = aimOf(order);
    return this.journal.see(order, async () => {
      const object = await this.routes.find(target);
      if (object === null) return { weight: 0, reason: missing(target), lapsed: false, refused: true };
      const sight = seeRoute(kind, object, pair, order.rollout);
      if (sight.lapsed || sight.refused === true || !isOurs(target)) return sight;
      const waiting = await this.gateways.waitingFor(order);
      if (waiting === null) return sight;
      return { ...sight, weight: sight.weight === 0 ? 0 : null, reason: sight.reason ?? waiting };
    });
  }

  override async giveBack(order: TrafficOrder, champion: Digest): Promise<void> {
    const { target, kind, pair } = aimOf(order);
    const { plan } = await this.routes.apply(target, (object) => planRelease(kind, object, pair, order.rollout));
    this.journal.gaveBack(order, plan, missing(target));
    // After the route, so that no request reaches a gateway that has let the candidate go.
    if (isOurs(target)) await this.gateways.giveBack(order, champion);
  }

  override async settle(order: TrafficOrder): Promise<boolean> {
    const { target, kind, pair } = aimOf(order);
    const waiting = isOurs(target) ? await this.gateways.unsettled(order) : null;
    if (waiting !== null) return false;
    const { object, plan } = await this.routes.apply(target, (found) =>
      isOurs(target)
        ? planRelease(kind, found, pair, order.rollout)
        : planAwaitServers(kind, found, pair, { rollout: order.rollout, champion: order.candidate }),
    );
    if (object === null || plan === null) return true; // nobody's traffic is split any more
    return readLease(object)?.rollout !== order.rollout && (currentPercent(kind, object, pair) ?? 0) === 0;
  }
}

/** The order's target with what its kind of route is read by. @throws TypeError for another kind */
function aimOf({ target }: TrafficOrder): {
  target: WeightedTarget & RoutePlace;
  kind: WeightedKind;
  pair: PairTarget;
} {
  if (target.kind === 'http-route') {
    const part = typeof target.rule === 'number' ? partOfIndex(target.rule) : target.rule;
    const pair = { stable: serviceText(target.stable), candidate: serviceText(target.candidate), part };
    return { target, kind: HTTP_ROUTE, pair };
  }
  if (target.kind === 'istio') {
    const pair = { stable: destinationText(target.stable), candidate: destinationText(target.candidate) };
    return { target, kind: VIRTUAL_SERVICE, pair: { ...pair, part: target.route } };
  }
  throw new TypeError(`A target of the kind ${target.kind} has no weighted route.`);
}

function isOurs({ servedBy = 'gateways' }: WeightedTarget): boolean {
  return servedBy === 'gateways';
}

function missing({ kind, namespace, name }: RoutePlace): string {
  return `There is no ${kind === 'istio' ? 'VirtualService' : 'HTTPRoute'} ${namespace}/${name}.`;
}
