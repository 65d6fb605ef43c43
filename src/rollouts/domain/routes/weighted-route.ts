import { type Json, textAt } from './json.js';
import {
  ANNOTATION,
  awaitOperations,
  hasRunOut,
  heldByAnother,
  holdOperations,
  type Lease,
  markedByAnother,
  needsRenewal,
  readLease,
  releaseOperations,
  revertedOperations,
} from './lease.js';
import { hasWeights, type Pair, sharedPercent, weightOperations, weightsFor } from './pair.js';
import { nothing, type PatchOperation, refused, type RoutePlan } from './patch.js';
import type { RouteSight } from './route-sight.js';

/** Which two backends share which part of a route. Backends are named by what the route's kind calls them. */
export interface PairTarget {
  readonly stable: string;
  readonly candidate: string;
  /** The rule's name or index; null = every rule that has both. */
  readonly part: string | null;
}

/** What is particular to one kind of route with weights: HTTPRoute, VirtualService. */
export interface WeightedKind {
  /** The pairs of the target's backends, or a sentence that says why there are none. */
  readonly pairs: (object: Json, target: PairTarget) => readonly Pair[] | string;
  /** True when the target's part of the route names the backend at all. */
  readonly names: (object: Json, backend: string, part: string | null) => boolean;
  /** Why the spec is not in force yet; null when it is, or when this kind does not tell. */
  readonly notInForce: (object: Json) => string | null;
}

/** The plan that gives the candidate `percent` of the pair's requests until `confirmBy`. Pure; repeated, it plans nothing. */
export function planWeight(
  kind: WeightedKind,
  object: Json,
  target: PairTarget,
  wanted: { readonly rollout: string; readonly percent: number; readonly confirmBy: Date; readonly now: Date },
): RoutePlan {
  const foreign = heldByAnother(object, wanted.rollout);
  if (foreign !== null) return refused(foreign);
  const lease = readLease(object);
  if (lease?.rollout === wanted.rollout && lease.revertedAt !== null)
    return nothing('The guardian gave the traffic back; the rollout has to end first.');
  const pairs = kind.pairs(object, target);
  if (typeof pairs === 'string') return refused(pairs);
  const changes = weights(pairs, wanted.percent);
  if (typeof changes === 'string') return refused(changes);
  if (changes.isSo && lease !== null && says(lease, target, wanted.rollout)) {
    if (!needsRenewal(lease, wanted.confirmBy, wanted.now)) return nothing();
  }
  const hold = holdOperations(object, { ...target, rollout: wanted.rollout, confirmBy: wanted.confirmBy });
  return { kind: 'patch', operations: [...changes.operations, ...hold] };
}

function says(lease: Lease, target: PairTarget, rollout: string): boolean {
  return (
    lease.rollout === rollout &&
    lease.stable === target.stable &&
    lease.candidate === target.candidate &&
    lease.part === target.part
  );
}

/** The plan that gives everything to the stable backend and takes our annotations away. Works from any state. */
export function planRelease(kind: WeightedKind, object: Json, target: PairTarget, rollout: string): RoutePlan {
  const foreign = markedByAnother(object, rollout);
  if (foreign !== null) return nothing(foreign);
  const release = releaseOperations(object);
  const pairs = kind.pairs(object, target);
  // Whoever took one of the backends out of the route decided about its traffic; our marks go all the same.
  if (typeof pairs === 'string') return release.length === 0 ? nothing(pairs) : { kind: 'patch', operations: release };
  const changes = weights(pairs, 0);
  if (typeof changes === 'string') return nothing(changes);
  const operations = [...(changes.isSo ? [] : changes.operations), ...release];
  return operations.length === 0 ? nothing() : { kind: 'patch', operations };
}

/** The candidate's share as the route states it; null when it states none. */
export function currentPercent(kind: WeightedKind, object: Json, target: PairTarget): number | null {
  const pairs = kind.pairs(object, target);
  return typeof pairs === 'string' ? null : sharedPercent(pairs).percent;
}

/**
 * After a promotion where other servers stand behind the backends: the split stays as it was proven, without a lease, until
 * their owner says (annotation `ratchet.dev/stable-serves`) that the stable ones serve the new champion; then they get all.
 */
export function planAwaitServers(
  kind: WeightedKind,
  object: Json,
  target: PairTarget,
  promoted: { readonly rollout: string; readonly champion: string },
): RoutePlan {
  if (textAt(object, 'metadata', 'annotations', ANNOTATION.stableServes) === promoted.champion)
    return planRelease(kind, object, target, promoted.rollout);
  const foreign = markedByAnother(object, promoted.rollout);
  if (foreign !== null || readLease(object) === null) return nothing(foreign);
  const operations = awaitOperations(object, promoted.champion);
  return operations.length === 0 ? nothing() : { kind: 'patch', operations };
}

/** What the guardian does at `now`: nothing before the lease has run out, then everything to the stable backend. */
export function planRevert(kind: WeightedKind, object: Json, now: Date): RoutePlan {
  const lease = readLease(object);
  if (lease === null || !hasRunOut(lease, now)) return nothing();
  const { stable, candidate, part } = lease;
  if (stable === null || candidate === null) return refused('The annotations do not say where the traffic belongs.');
  const pairs = kind.pairs(object, { stable, candidate, part });
  if (typeof pairs === 'string') return refused(pairs);
  const changes = weights(pairs, 0);
  if (typeof changes === 'string') return refused(changes);
  return { kind: 'patch', operations: [...changes.operations, ...revertedOperations(object, now)] };
}

/**
 * What the route really does, as far as it says so itself. A route that another rollout holds or that does not name the
 * candidate gives this candidate nothing, and is refused all the same.
 */
export function seeRoute(kind: WeightedKind, object: Json, target: PairTarget, rollout: string): RouteSight {
  const foreign = heldByAnother(object, rollout);
  if (foreign !== null) return { weight: 0, reason: foreign, lapsed: false, refused: true };
  const pairs = kind.pairs(object, target);
  if (typeof pairs === 'string') {
    const weight = kind.names(object, target.candidate, target.part) ? null : 0;
    return { weight, reason: pairs, lapsed: false, refused: true };
  }
  const { percent, reason } = sharedPercent(pairs);
  const pending = kind.notInForce(object);
  const inForce = pending === null ? percent : null;
  const lease = readLease(object);
  if (lease?.rollout === rollout && lease.revertedAt !== null) {
    const when = lease.revertedAt.toISOString();
    return { weight: inForce, reason: `Nobody confirmed the weight in time: given back at ${when}.`, lapsed: true };
  }
  return { weight: inForce, reason: pending ?? reason, lapsed: false };
}

function weights(
  pairs: readonly Pair[],
  percent: number,
): { readonly operations: readonly PatchOperation[]; readonly isSo: boolean } | string {
  const operations: PatchOperation[] = [];
  let isSo = true;
  for (const pair of pairs) {
    const wanted = weightsFor(pair, percent);
    if (typeof wanted === 'string') return wanted;
    isSo &&= hasWeights(pair, wanted);
    operations.push(...weightOperations(pair, wanted));
  }
  return { operations, isSo };
}
