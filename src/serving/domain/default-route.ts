import type { Digest } from '../../kernel/index.js';
import type { Route } from './route.js';

/** The route while nothing is being tried: everything to the champion. Stating it twice changes nothing. */
export function defaultRoute(model: string, champion: Digest): Omit<Route, 'epoch'> {
  return {
    model,
    stable: champion,
    candidate: null,
    weight: 0,
    mirror: null,
    mirrorFraction: 0,
    salt: model,
    confirmBy: null,
  };
}

/**
 * What to state so that the champion serves, or null when it does already. A route whose stable version is the champion
 * is left alone, with whatever an experiment or a rollout has put on it.
 */
export function routeForChampion(model: string, champion: Digest, current: Route | null): Omit<Route, 'epoch'> | null {
  return current?.stable === champion ? null : defaultRoute(model, champion);
}
