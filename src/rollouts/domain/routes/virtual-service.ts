import { type Json, listAt, numberAt, textAt } from './json.js';
import { generationOf } from './lease.js';
import type { Pair, PlacedBackend } from './pair.js';
import { type PatchOperation, pointer } from './patch.js';
import type { PairTarget, WeightedKind } from './weighted-route.js';

/**
 * Istio `VirtualService` (networking.istio.io/v1). The weights of one HTTP route add up to 100; a destination without a
 * weight gets nothing beside others and everything alone.
 */
export const VIRTUAL_SERVICE: WeightedKind = { pairs, names, notInForce };

/** How a destination is written in the annotations: `host` or `host#subset`. */
export function destinationText(destination: { readonly host: string; readonly subset: string | null }): string {
  return destination.subset === null ? destination.host : `${destination.host}#${destination.subset}`;
}

function pairs(object: Json, target: PairTarget): readonly Pair[] | string {
  const routes = listAt(object, 'spec', 'http');
  const wanted = [...routes.keys()].filter(
    (index) => target.part === null || textAt(routes[index], 'name') === target.part,
  );
  if (target.part === null && routes.length > 1)
    return 'The VirtualService has several HTTP routes; name the one that is meant.';
  const [index, another] = wanted;
  if (index === undefined)
    return target.part === null
      ? 'The VirtualService has no HTTP route.'
      : `The VirtualService has no HTTP route "${target.part}".`;
  if (another !== undefined) return `The VirtualService has several HTTP routes "${target.part}".`;
  return pairIn(object, routes[index], index, target);
}

function names(object: Json, backend: string, part: string | null): boolean {
  return listAt(object, 'spec', 'http').some(
    (route) =>
      (part === null || textAt(route, 'name') === part) &&
      listAt(route, 'route').some((value) => isDestination(object, value, backend)),
  );
}

function pairIn(object: Json, route: Json, index: number, target: PairTarget): readonly Pair[] | string {
  const destinations = listAt(route, 'route');
  const name = textAt(route, 'name') === null ? `HTTP route ${index}` : `HTTP route "${textAt(route, 'name')}"`;
  const place = (wanted: string): PlacedBackend[] =>
    destinations.flatMap((value, at) =>
      isDestination(object, value, wanted)
        ? [
            {
              path: ['spec', 'http', index, 'route', at],
              value,
              weight: weightOf(value, destinations.length),
              isWritten: numberAt(value, 'weight') !== null,
            },
          ]
        : [],
    );
  const [stable, candidate] = [place(target.stable), place(target.candidate)];
  if (stable.length > 1) return `The ${name} names the destination ${target.stable} more than once.`;
  if (candidate.length > 1) return `The ${name} names the destination ${target.candidate} more than once.`;
  if (stable[0] === undefined) return `The ${name} lacks the destination ${target.stable}.`;
  if (candidate[0] === undefined) return `The ${name} lacks the destination ${target.candidate}.`;
  const all = destinations.reduce<number>((sum, each) => sum + weightOf(each, destinations.length), 0);
  if (all !== 100) return `The weights of the ${name} add up to ${all} instead of 100.`;
  const others = all - stable[0].weight - candidate[0].weight;
  return [{ rule: name, stable: stable[0], candidate: candidate[0], others, tests: nameTest(route, index) }];
}

function nameTest(route: Json, index: number): PatchOperation[] {
  const name = textAt(route, 'name');
  return name === null ? [] : [{ op: 'test', path: pointer('spec', 'http', index, 'name'), value: name }];
}

function weightOf(destination: Json, among: number): number {
  return numberAt(destination, 'weight') ?? (among === 1 ? 100 : 0);
}

function isDestination(object: Json, value: Json, wanted: string): boolean {
  const [host, subset] = wanted.split('#');
  const namespace = textAt(object, 'metadata', 'namespace') ?? 'default';
  const written = textAt(value, 'destination', 'host');
  return (
    written !== null &&
    fullName(written, namespace) === fullName(host ?? '', namespace) &&
    textAt(value, 'destination', 'subset') === (subset ?? null)
  );
}

/** Istio reads a host without dots as a Service of the VirtualService's namespace. */
function fullName(host: string, namespace: string): string {
  return host.includes('.') ? host : `${host}.${namespace}.svc.cluster.local`;
}

/** Istio writes a status only where it is told to; where it does, the present spec must have been seen. */
function notInForce(object: Json): string | null {
  const reconciled = listAt(object, 'status', 'conditions').find((each) => textAt(each, 'type') === 'Reconciled');
  if (reconciled !== undefined && textAt(reconciled, 'status') === 'False')
    return `Istio has not taken the VirtualService over yet: ${textAt(reconciled, 'message') ?? 'no reason given'}.`;
  const [observed, generation] = [numberAt(object, 'status', 'observedGeneration'), generationOf(object)];
  return observed !== null && generation !== null && observed < generation
    ? "Istio has not seen the VirtualService's present spec yet."
    : null;
}
