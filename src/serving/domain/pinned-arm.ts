import { NoCandidateServed } from './errors.js';
import type { Arm, Route } from './route.js';
import { chooseArm } from './split.js';

/** What a gateway is for: every request as the route says, or all requests that somebody else has sent to one arm. */
export const GATEWAY_ARMS = ['split', 'stable', 'candidate'] as const;
export type GatewayArm = (typeof GATEWAY_ARMS)[number];

/**
 * The arm that answers a request on a gateway with this pin. A pinned gateway takes no notice of the route's weight and
 * lease: whoever sends the request has decided. A candidate that was taken out is still sent requests for a moment, until
 * the split before us has followed; up to `lingerMs` after `candidateGoneAt` the stable version answers them.
 * @throws NoCandidateServed
 */
export function armFor(
  pin: GatewayArm,
  route: Route,
  requestKey: string,
  now: Date,
  linger: { readonly candidateGoneAt: Date | null; readonly lingerMs: number },
): Arm {
  if (pin === 'split') return chooseArm(route, requestKey, now);
  if (pin === 'stable') return 'stable';
  if (route.candidate !== null) return 'candidate';
  const { candidateGoneAt, lingerMs } = linger;
  if (candidateGoneAt !== null && now.getTime() - candidateGoneAt.getTime() <= lingerMs) return 'stable';
  throw new NoCandidateServed(route.model);
}
