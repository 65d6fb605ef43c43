import type { Digest } from '../../kernel/index.js';

/** How a model's requests are split. Wanted state: the gateway observes it and reports what it really does. */
export interface Route {
  readonly model: string;
  /** Takes every request that the candidate does not. */
  readonly stable: Digest;
  readonly candidate: Digest | null;
  /** Share of requests for the candidate, in percent, 0..100. */
  readonly weight: number;
  /** A version that scores a copy of requests off the request path; its answers go to telemetry only. */
  readonly mirror: Digest | null;
  /** Share of requests that are mirrored, 0..1. */
  readonly mirrorFraction: number;
  /** Makes the assignment of a request key to an arm independent of other experiments; changes with the candidate. */
  readonly salt: string;
  /** Raised at every change; what a gateway reports tells which route it has in force. */
  readonly epoch: number;
  /** After this time a weight above 0 is void and the stable version takes everything; null = no lease. */
  readonly confirmBy: Date | null;
  /** Whether gateways record which request key they gave which arm, once each; absent = no. */
  readonly exposures?: boolean;
}

export type Arm = 'stable' | 'candidate';
