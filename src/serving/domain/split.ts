import type { Digest } from '../../kernel/index.js';
import type { Arm, Route } from './route.js';
import { unitHash } from './unit-hash.js';

/** The share that the candidate may have at `now`, in percent: 0 without a candidate or after `confirmBy`. */
export function effectiveWeight(route: Route, now: Date): number {
  if (route.candidate === null) return 0;
  if (route.confirmBy !== null && now.getTime() > route.confirmBy.getTime()) return 0;
  return route.weight;
}

/**
 * The arm of a request key. Sticky: the same salt and key always give the same arm, and a higher weight only moves keys
 * from stable to candidate. Uniform and, between different salts, independent.
 */
export function chooseArm(route: Route, requestKey: string, now: Date): Arm {
  return unitHash('arm', route.salt, requestKey) * 100 < effectiveWeight(route, now) ? 'candidate' : 'stable';
}

/** The version that answers for an arm. */
export function versionOf(route: Route, arm: Arm): Digest {
  return arm === 'candidate' && route.candidate !== null ? route.candidate : route.stable;
}

/** True when a copy of this request goes to the mirror. Independent of the arm that the request's key was given. */
export function mirrors(route: Route, requestKey: string): boolean {
  return route.mirror !== null && unitHash('mirror', route.salt, requestKey) < route.mirrorFraction;
}

/** Every version that the route names. */
export function versionsOf(route: Route): { readonly serving: readonly Digest[]; readonly mirror: Digest | null } {
  const serving = route.candidate === null ? [route.stable] : [route.stable, route.candidate];
  return { serving: [...new Set(serving)], mirror: route.mirror };
}
