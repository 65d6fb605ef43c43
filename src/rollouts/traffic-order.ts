import type { Rollout } from './domain/rollout.js';
import type { TrafficOrder } from './ports.js';

/** What a router has to know of a rollout. */
export function orderOf({ id, model, spec }: Rollout): TrafficOrder {
  const { champion, candidateVersion, salt, policy } = spec;
  return {
    ...{ rollout: id, model, champion, candidate: candidateVersion, salt },
    target: policy.target ?? { kind: 'builtin' },
  };
}
