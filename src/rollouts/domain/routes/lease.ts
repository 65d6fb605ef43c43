import { at, type Json, numberAt, textAt } from './json.js';
import { type PatchOperation, pointer } from './patch.js';

/** Annotations that a route carries while a rollout moves its traffic. */
export const ANNOTATION = {
  /** The rollout whose weight it is. */
  rollout: 'ratchet.dev/rollout',
  /** Counts our writes. Every writer tests the one it has read, so nobody overwrites what it has not seen. */
  epoch: 'ratchet.dev/epoch',
  /** Where everything goes when nobody confirms the weight in time. */
  stable: 'ratchet.dev/stable-backend',
  candidate: 'ratchet.dev/candidate-backend',
  /** The rule that is ours; absent = every rule with both backends. */
  part: 'ratchet.dev/rule',
  /** RFC 3339, by the API server's clock: after this time the weight is void. */
  confirmBy: 'ratchet.dev/confirm-by',
  /** RFC 3339: when the guardian gave the traffic back. Stays until the rollout has ended. */
  revertedAt: 'ratchet.dev/reverted-at',
  /** The version that was promoted and that the stable servers are to take over. */
  champion: 'ratchet.dev/champion',
  /** Written by whoever runs the servers: the version that the stable ones serve now. */
  stableServes: 'ratchet.dev/stable-serves',
} as const;

/** A rollout's hold on a route, as its annotations say it. */
export interface Lease {
  readonly rollout: string;
  readonly epoch: number;
  readonly stable: string | null;
  readonly candidate: string | null;
  readonly part: string | null;
  /** null = none is given or it cannot be read. */
  readonly confirmBy: Date | null;
  readonly revertedAt: Date | null;
}

/** The lease on an object; null when no rollout holds it. */
export function readLease(object: Json): Lease | null {
  const said = (name: string): string | null => textAt(object, 'metadata', 'annotations', name);
  const rollout = said(ANNOTATION.rollout);
  if (rollout === null) return null;
  return {
    rollout,
    epoch: Math.max(0, Math.trunc(Number(said(ANNOTATION.epoch) ?? 0)) || 0),
    stable: said(ANNOTATION.stable),
    candidate: said(ANNOTATION.candidate),
    part: said(ANNOTATION.part),
    confirmBy: time(said(ANNOTATION.confirmBy)),
    revertedAt: time(said(ANNOTATION.revertedAt)),
  };
}

/** What a hold is written as. */
export interface Hold {
  readonly rollout: string;
  readonly stable: string;
  readonly candidate: string;
  readonly part: string | null;
  readonly confirmBy: Date;
}

/** Takes or renews the route for a rollout. */
export function holdOperations(object: Json, hold: Hold): PatchOperation[] {
  return [
    ...guard(object),
    ...annotate(object, {
      [ANNOTATION.rollout]: hold.rollout,
      [ANNOTATION.epoch]: String((readLease(object)?.epoch ?? 0) + 1),
      [ANNOTATION.stable]: hold.stable,
      [ANNOTATION.candidate]: hold.candidate,
      [ANNOTATION.part]: hold.part,
      [ANNOTATION.confirmBy]: hold.confirmBy.toISOString(),
      [ANNOTATION.revertedAt]: null,
    }),
  ];
}

/** Forgets the rollout: nothing of ours stays on the route. */
export function releaseOperations(object: Json): PatchOperation[] {
  const ours = Object.values(ANNOTATION).filter((name) => name !== ANNOTATION.stableServes);
  const changes = annotate(object, Object.fromEntries(ours.map((name) => [name, null])));
  return changes.length === 0 ? [] : [...guard(object), ...changes];
}

/** After a promotion: the split has no end, and the servers' owner is told which version is to be taken over. */
export function awaitOperations(object: Json, champion: string): PatchOperation[] {
  const changes = annotate(object, { [ANNOTATION.confirmBy]: null, [ANNOTATION.champion]: champion });
  return changes.length === 0 ? [] : [...guard(object), ...changes];
}

/** What the guardian leaves: whose weight it was and when it was taken, and no lease any more. */
export function revertedOperations(object: Json, now: Date): PatchOperation[] {
  const confirmBy = textAt(object, 'metadata', 'annotations', ANNOTATION.confirmBy);
  return [
    { op: 'test', path: pointer('metadata', 'annotations', ANNOTATION.confirmBy), value: confirmBy },
    ...guard(object),
    ...annotate(object, {
      [ANNOTATION.epoch]: String((readLease(object)?.epoch ?? 0) + 1),
      [ANNOTATION.confirmBy]: null,
      [ANNOTATION.revertedAt]: now.toISOString(),
    }),
  ];
}

/** True when the lease has run out and nobody has taken the traffic back yet. */
export function hasRunOut(lease: Lease, now: Date): boolean {
  return lease.revertedAt === null && lease.confirmBy !== null && lease.confirmBy <= now;
}

/** How much of a lease may pass before it is written anew: each renewal is a write to the API server. */
const RENEW_BELOW = 2 / 3;

/** True when the lease on the object must be written anew to last as wanted. */
export function needsRenewal(lease: Lease, wanted: Date, now: Date): boolean {
  if (lease.confirmBy === null) return true;
  const left = lease.confirmBy.getTime() - now.getTime();
  const full = wanted.getTime() - now.getTime();
  return left < full * RENEW_BELOW || left > full * 2;
}

/** Why a rollout must keep away from a route that another one holds; null when it need not. */
export function heldByAnother(object: Json, rollout: string): string | null {
  const lease = readLease(object);
  if (lease === null || lease.rollout === rollout || lease.revertedAt !== null) return null;
  return `The rollout ${lease.rollout} holds this route; two rollouts cannot share one.`;
}

/** Why a rollout has nothing to give back on a route that carries another one's marks; null when it may have. */
export function markedByAnother(object: Json, rollout: string): string | null {
  const lease = readLease(object);
  return lease === null || lease.rollout === rollout ? null : `The route carries the marks of ${lease.rollout}.`;
}

/** What was read of our own must still be so; where nothing of ours is there yet, the whole object must be as it was read. */
function guard(object: Json): PatchOperation[] {
  const epoch = textAt(object, 'metadata', 'annotations', ANNOTATION.epoch);
  if (epoch !== null) return [{ op: 'test', path: pointer('metadata', 'annotations', ANNOTATION.epoch), value: epoch }];
  const resourceVersion = textAt(object, 'metadata', 'resourceVersion');
  return resourceVersion === null
    ? []
    : [{ op: 'test', path: pointer('metadata', 'resourceVersion'), value: resourceVersion }];
}

function annotate(object: Json, wanted: Readonly<Record<string, string | null>>): PatchOperation[] {
  const operations: PatchOperation[] = [];
  if (typeof at(object, 'metadata', 'annotations') !== 'object') {
    if (Object.values(wanted).every((value) => value === null)) return [];
    operations.push({ op: 'add', path: pointer('metadata', 'annotations'), value: {} });
  }
  for (const [name, value] of Object.entries(wanted)) {
    const path = pointer('metadata', 'annotations', name);
    const present = at(object, 'metadata', 'annotations', name);
    if (value !== null && present !== value) operations.push({ op: 'add', path, value });
    if (value === null && present !== undefined) operations.push({ op: 'remove', path });
  }
  return operations;
}

function time(text: string | null): Date | null {
  if (text === null) return null;
  const parsed = new Date(text);
  return Number.isNaN(parsed.getTime()) ? null : parsed;
}

/** The generation of an object's spec. */
export function generationOf(object: Json): number | null {
  return numberAt(object, 'metadata', 'generation');
}
