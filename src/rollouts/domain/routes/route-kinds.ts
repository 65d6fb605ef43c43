import { assertNever } from '../../../kernel/index.js';
import { HTTP_ROUTE } from './http-route.js';
import { planCanaryRevert } from './inference-service.js';
import type { Json } from './json.js';
import type { RoutePlan } from './patch.js';
import { VIRTUAL_SERVICE } from './virtual-service.js';
import { planRevert } from './weighted-route.js';

/** The kinds of routes, as the API server addresses them. */
export const ROUTE_KINDS = {
  'http-route': { group: 'gateway.networking.k8s.io', version: 'v1', plural: 'httproutes' },
  istio: { group: 'networking.istio.io', version: 'v1', plural: 'virtualservices' },
  kserve: { group: 'serving.kserve.io', version: 'v1beta1', plural: 'inferenceservices' },
} as const;
export type RouteKind = keyof typeof ROUTE_KINDS;

/** The plan that gives a route back whose lease has run out at `now`; nothing otherwise. Needs the route alone. */
export function planRevertOf(kind: RouteKind, object: Json, now: Date): RoutePlan {
  switch (kind) {
    case 'http-route':
      return planRevert(HTTP_ROUTE, object, now);
    case 'istio':
      return planRevert(VIRTUAL_SERVICE, object, now);
    case 'kserve':
      return planCanaryRevert(object, now);
    default:
      return assertNever(kind);
  }
}
