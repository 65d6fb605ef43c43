import { at, type Json, listAt, numberAt, textAt } from './json.js';
import { generationOf } from './lease.js';
import type { Pair, PlacedBackend } from './pair.js';
import { type PatchOperation, pointer } from './patch.js';
import type { PairTarget, WeightedKind } from './weighted-route.js';

/**
 * Gateway API `HTTPRoute` (gateway.networking.k8s.io/v1). Its `rules` and `backendRefs` are atomic lists, so nobody can own
 * just a weight by server-side apply: we change single members by their place, and only while the place is what was read.
 * A weight that is not written counts as 1; a rule's only backend gets everything whatever its weight is.
 */
export const HTTP_ROUTE: WeightedKind = { pairs, names, notInForce };

/** How a backend is written in the annotations: `name` or `name:port`. */
export function serviceText(backend: { readonly name: string; readonly port: number | null }): string {
  return backend.port === null ? backend.name : `${backend.name}:${backend.port}`;
}

function pairs(object: Json, target: PairTarget): readonly Pair[] | string {
  const rules = listAt(object, 'spec', 'rules');
  const found: Pair[] = [];
  const problems: string[] = [];
  for (const index of rules.keys()) {
    if (target.part !== null && !isPart(rules[index], index, target.part)) continue;
    const pair = pairIn(object, rules[index], index, target);
    if (typeof pair === 'string') problems.push(pair);
    else if (pair !== null) found.push(pair);
    else if (target.part !== null)
      problems.push(`${ruleName(rules[index], index)} lacks ${lacking(object, rules[index], target)}.`);
  }
  if (problems[0] !== undefined) return problems[0];
  if (target.part !== null && found.length > 1) return `The route has several rules "${target.part}".`;
  if (found.length > 0) return found;
  return target.part === null
    ? `No rule of the route has both ${target.stable} and ${target.candidate} among its backends.`
    : `The route has no rule "${target.part}".`;
}

/** How a rule without a name is written in the annotations; no name of a rule begins like this. */
export function partOfIndex(index: number): string {
  return `#${index}`;
}

function isPart(rule: Json, index: number, part: string): boolean {
  return part === partOfIndex(index) || textAt(rule, 'name') === part;
}

function names(object: Json, backend: string, part: string | null): boolean {
  return listAt(object, 'spec', 'rules').some(
    (rule, index) =>
      (part === null || isPart(rule, index, part)) &&
      listAt(rule, 'backendRefs').some((ref) => isBackend(object, ref, backend)),
  );
}

function pairIn(object: Json, rule: Json, index: number, target: PairTarget): Pair | string | null {
  const stable = placed(object, rule, index, target.stable);
  const candidate = placed(object, rule, index, target.candidate);
  for (const [name, places] of [
    [target.stable, stable],
    [target.candidate, candidate],
  ] as const)
    if (places.length > 1) return `${ruleName(rule, index)} names the backend ${name} more than once.`;
  if (stable[0] === undefined || candidate[0] === undefined) return null;
  const all = listAt(rule, 'backendRefs').reduce<number>((sum, each) => sum + weightOf(each), 0);
  return {
    rule: ruleName(rule, index),
    stable: stable[0],
    candidate: candidate[0],
    others: all - stable[0].weight - candidate[0].weight,
    tests: target.part === null ? [] : partTest(rule, index),
  };
}

function partTest(rule: Json, index: number): PatchOperation[] {
  const name = textAt(rule, 'name');
  return name === null ? [] : [{ op: 'test', path: pointer('spec', 'rules', index, 'name'), value: name }];
}

function placed(object: Json, rule: Json, index: number, wanted: string): PlacedBackend[] {
  return listAt(rule, 'backendRefs').flatMap((value, place) =>
    isBackend(object, value, wanted)
      ? [
          {
            path: ['spec', 'rules', index, 'backendRefs', place],
            value,
            weight: weightOf(value),
            isWritten: numberAt(value, 'weight') !== null,
          },
        ]
      : [],
  );
}

/** A Service of the route's own namespace; without a port in the annotation any port will do. */
function isBackend(object: Json, ref: Json, wanted: string): boolean {
  const [name, port] = wanted.split(':');
  const namespace = textAt(ref, 'namespace');
  return (
    textAt(ref, 'name') === name &&
    (textAt(ref, 'kind') ?? 'Service') === 'Service' &&
    textAt(ref, 'group') === null &&
    (namespace === null || namespace === textAt(object, 'metadata', 'namespace')) &&
    (port === undefined || at(ref, 'port') === Number(port))
  );
}

function weightOf(ref: Json): number {
  return numberAt(ref, 'weight') ?? 1;
}

function ruleName(rule: Json, index: number): string {
  const name = textAt(rule, 'name');
  return name === null ? `rule ${index}` : `rule "${name}"`;
}

function lacking(object: Json, rule: Json, target: PairTarget): string {
  const missing = [target.stable, target.candidate].filter(
    (name) => !listAt(rule, 'backendRefs').some((ref) => isBackend(object, ref, name)),
  );
  return `the backend ${missing.join(' and the backend ')}`;
}

/** Every gateway that is asked must have accepted the present spec and found every backend. */
function notInForce(object: Json): string | null {
  const parents = listAt(object, 'status', 'parents');
  if (parents.length === 0) return 'No gateway has said anything about the route yet.';
  for (const parent of parents) {
    const reason = parentReason(parent, generationOf(object));
    if (reason !== null) return reason;
  }
  return null;
}

function parentReason(parent: Json, generation: number | null): string | null {
  const gateway = textAt(parent, 'parentRef', 'name') ?? 'unnamed';
  for (const type of ['Accepted', 'ResolvedRefs']) {
    const condition = listAt(parent, 'conditions').find((each) => textAt(each, 'type') === type);
    const status = textAt(condition, 'status') ?? 'Unknown';
    if (status !== 'True') {
      const why = [textAt(condition, 'reason'), textAt(condition, 'message')]
        .filter((text) => text !== null)
        .join(': ');
      return `The gateway ${gateway} says ${type}=${status}${why === '' ? '' : ` (${why})`}.`;
    }
    if (generation !== null && (numberAt(condition, 'observedGeneration') ?? 0) < generation)
      return `The gateway ${gateway} has not seen the route's present spec yet.`;
  }
  return null;
}
