import { ClusterConnection, ClusterResource, type StoredObject } from '../../src/platform/kubernetes/index.js';
import { SystemClock } from '../../src/platform/runtime/index.js';
import { PinnedGateways } from '../../src/rollouts/adapters/builtin/pinned-gateways.js';
import { ClusterRoutes } from '../../src/rollouts/adapters/kubernetes/cluster-routes.js';
import { WeightedRouteRouter } from '../../src/rollouts/adapters/kubernetes/weighted-route-router.js';
import { ROUTE_KINDS, type RouteKind } from '../../src/rollouts/index.js';
import type { TrafficOrder } from '../../src/rollouts/index.js';
import { CANDIDATE, CHAMPION } from '../../src/rollouts/testing/index.js';
import { FakeGatewayStatus, FakeRouteStore } from '../../src/serving/testing/index.js';
import { installDefinitions } from './crds.js';
import { openNamespace } from './kube.js';

/** A namespace with real route kinds, and routers as the program wires them, but with gateways that say what a test wants. */
export async function openRouteBench(prefix: string, ...kinds: readonly RouteKind[]) {
  const { cluster, namespace, close } = await openNamespace(prefix);
  await installDefinitions(cluster, ...kinds);
  const connection = new ClusterConnection({ kubeconfig: cluster.kubeconfig, requestTimeoutMs: 30_000 });
  const [routes, gateways] = [new FakeRouteStore(), new FakeGatewayStatus()];
  const clock = new SystemClock();
  const pinned = new PinnedGateways(routes, gateways);
  return {
    ...{ cluster, namespace, connection, routes, gateways, clock },
    /** A router of its own, as another replica has one. */
    router: (through = connection) => new WeightedRouteRouter(new ClusterRoutes(through), pinned, clock),
    of: <Stored extends StoredObject = StoredObject>(kind: RouteKind) =>
      new ClusterResource<Stored>(connection, ROUTE_KINDS[kind], namespace),
    inSeconds: (seconds: number) => new Date(Date.now() + seconds * 1000),
    close: async () => {
      await connection.close();
      await close();
    },
  };
}
export type RouteBench = Awaited<ReturnType<typeof openRouteBench>>;

type HttpRouteTarget = Extract<TrafficOrder['target'], { kind: 'http-route' }>;

/** An order for the route `digits` with the Services `stable` and `candidate`. */
export function anOrder(
  namespace: string,
  target: Partial<HttpRouteTarget> = {},
  over: Partial<TrafficOrder> = {},
): TrafficOrder {
  return {
    ...{ rollout: 'digits-t1-c1-r', model: 'digits', champion: CHAMPION, candidate: CANDIDATE, salt: 's' },
    target: {
      ...{ kind: 'http-route', namespace, name: 'digits', rule: null, servedBy: 'others' },
      stable: { name: 'stable', port: null },
      candidate: { name: 'candidate', port: null },
      ...target,
    },
    ...over,
  };
}

/** A backend of a rule. */
export function ref(name: string, more: object = {}): object {
  return { name, port: 80, ...more };
}

/** An HTTPRoute as its owner writes it. */
export function anHttpRoute(name: string, rules: readonly object[], metadata: object = {}): object {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name, ...metadata },
    spec: { parentRefs: [{ name: 'proxy' }], rules },
  };
}
