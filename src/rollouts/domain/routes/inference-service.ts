import { at, type Json, listAt, numberAt, textAt } from './json.js';
import {
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
import { preflight, storagePlace } from './kserve-rules.js';
import { nothing, type PatchOperation, pointer, refused, type RoutePlan } from './patch.js';
import type { RouteSight } from './route-sight.js';

/**
 * KServe `InferenceService` (serving.kserve.io/v1beta1) in Knative mode. Each change of the predictor makes a revision;
 * `canaryTrafficPercent` is the newest one's share, and the revision that had 100 % last (`latestRolledoutRevision`) gets
 * the rest. Taking the candidate back is 0, promoting it is to take the field away.
 */
const PERCENT = ['spec', 'predictor', 'canaryTrafficPercent'] as const;
const MODE = 'serving.kserve.io/deploymentMode';

/** What the rollout's revision is written as in the annotations, behind the stable revision. */
interface Revisions {
  /** Serves the champion and gets the rest. */
  readonly stable: string;
  /** The newest revision before the candidate was stated; the candidate's is another one. */
  readonly before: string;
}

export interface CanaryOrder {
  readonly rollout: string;
  /** Where KServe finds the candidate's bytes. */
  readonly storageUri: string;
  readonly percent: number;
  readonly confirmBy: Date;
  readonly now: Date;
}

/**
 * Why the service's traffic cannot be split by `canaryTrafficPercent`; null when it can. Fails closed: in Standard mode, the
 * default since KServe 0.16, the field is silently ignored.
 */
export function modeProblem(object: Json): string | null {
  const annotated = mode(textAt(object, 'metadata', 'annotations', MODE));
  const reported = mode(textAt(object, 'status', 'deploymentMode'));
  if (annotated !== null && reported !== null && annotated !== reported)
    return `The InferenceService asks for the mode ${annotated}, but KServe runs it in ${reported}.`;
  const found = annotated ?? 'Standard';
  if (found === 'Knative') return null;
  const why = annotated === null ? `it names no ${MODE}, and KServe's default is Standard` : `its mode is ${found}`;
  return (
    `KServe ignores canaryTrafficPercent unless an InferenceService runs in Knative mode; ${why}. ` +
    'Use an InferenceService each for the two versions and a target of the kind http-route whose HTTPRoute splits between them.'
  );
}

/** Serverless and RawDeployment are what Knative and Standard were called before. */
function mode(text: string | null): string | null {
  if (text === 'Serverless') return 'Knative';
  return text === 'RawDeployment' ? 'Standard' : text;
}

/** The plan that states the candidate and gives it `percent`. Pure; repeated, it plans nothing. */
export function planCanary(object: Json, order: CanaryOrder): RoutePlan {
  const problem = heldByAnother(object, order.rollout) ?? modeProblem(object) ?? preflight(object, order);
  if (problem !== null) return refused(problem);
  const place = storagePlace(object);
  if (typeof place === 'string') return refused(place);
  const lease = readLease(object);
  return lease?.rollout === order.rollout ? goOn(object, order, place, lease) : begin(object, order, place);
}

function goOn(object: Json, order: CanaryOrder, place: readonly string[], lease: Lease): RoutePlan {
  if (lease.revertedAt !== null) return nothing('The guardian gave the traffic back; the rollout has to end first.');
  if (at(object, ...place) !== order.storageUri)
    return refused('Somebody changed the storageUri of the InferenceService since the rollout began.');
  const { stable, candidate } = lease;
  if (stable === null || candidate === null) return refused('The annotations do not say which revision is stable.');
  const isSo = numberAt(object, ...PERCENT) === order.percent;
  if (isSo && !needsRenewal(lease, order.confirmBy, order.now)) return nothing();
  return patch([
    { op: 'test', path: pointer(...place), value: order.storageUri },
    ...(isSo ? [] : [percentTo(order.percent)]),
    ...holdOperations(object, { ...order, stable, candidate, part: null }),
  ]);
}

/**
 * A canary may begin only when the last one is over for KServe too: until `latestRolledoutRevision` is what serves, the
 * rest of the traffic would go to an older revision.
 */
function begin(object: Json, order: CanaryOrder, place: readonly string[]): RoutePlan {
  const isStated = at(object, ...place) === order.storageUri;
  const percent = numberAt(object, ...PERCENT);
  const revisions = revisionsOf(object, percent);
  if (typeof revisions === 'string') return nothing(revisions);
  if (isStated && percent === null)
    return refused('The InferenceService serves the candidate already: its storageUri is the candidate’s.');
  if (percent !== null && percent !== 0)
    return refused(`Somebody else gives the newest revision ${percent} % (canaryTrafficPercent).`);
  return patch([
    { op: 'test', path: pointer(...place), value: at(object, ...place) },
    percentTo(order.percent),
    ...(isStated ? [] : [{ op: 'replace' as const, path: pointer(...place), value: order.storageUri }]),
    ...holdOperations(object, {
      ...order,
      stable: revisions.stable,
      // With the same bytes stated again KServe makes no new revision: then the newest one is the candidate's.
      candidate: isStated ? `is:${revisions.before}` : `after:${revisions.before}`,
      part: null,
    }),
  ]);
}

function revisionsOf(object: Json, percent: number | null): Revisions | string {
  const predictor = at(object, 'status', 'components', 'predictor');
  const stable = textAt(predictor, 'latestRolledoutRevision');
  const before = textAt(predictor, 'latestCreatedRevision');
  if (stable === null || before === null) return 'KServe has not rolled out any revision yet.';
  // A refused candidate (0 %) may never become ready; what somebody rolls out just now has to.
  if (percent === null && before !== textAt(predictor, 'latestReadyRevision'))
    return `KServe's newest revision ${before} is not ready.`;
  if (shareOf(predictor, stable) !== 100)
    return `KServe has not finished its last rollout: ${stable} does not get all traffic yet.`;
  return { stable, before };
}

/**
 * The plan that gives the candidate nothing and takes our annotations away. Works from any state; a service that does not
 * carry our mark is left alone, because its newest revision is not our candidate.
 */
export function planCanaryRelease(object: Json, rollout: string): RoutePlan {
  const foreign = markedByAnother(object, rollout);
  if (foreign !== null) return nothing(foreign);
  if (readLease(object) === null) return nothing();
  const back = numberAt(object, ...PERCENT) === 0 ? [] : [percentTo(0)];
  return patch([...back, ...releaseOperations(object)]);
}

/** The plan that makes the candidate's revision the rolled-out one. */
export function planPromotion(object: Json, rollout: string): RoutePlan {
  const foreign = markedByAnother(object, rollout);
  if (foreign !== null) return nothing(foreign);
  const lease = readLease(object);
  const percent = numberAt(object, ...PERCENT);
  const remove: PatchOperation[] =
    percent === null || lease === null
      ? []
      : [
          { op: 'test', path: pointer(...PERCENT), value: percent },
          { op: 'remove', path: pointer(...PERCENT) },
        ];
  const release = lease === null ? [] : releaseOperations(object);
  return remove.length + release.length === 0 ? nothing() : patch([...remove, ...release]);
}

/** True when KServe has rolled the newest revision out and sends it everything. */
export function isRolledOut(object: Json): boolean {
  const predictor = at(object, 'status', 'components', 'predictor');
  const rolledOut = textAt(predictor, 'latestRolledoutRevision');
  return (
    numberAt(object, ...PERCENT) === null &&
    rolledOut !== null &&
    rolledOut === textAt(predictor, 'latestReadyRevision') &&
    rolledOut === textAt(predictor, 'latestCreatedRevision') &&
    shareOf(predictor, rolledOut) === 100
  );
}

/** What the guardian does at `now`. */
export function planCanaryRevert(object: Json, now: Date): RoutePlan {
  const lease = readLease(object);
  if (lease === null || !hasRunOut(lease, now)) return nothing();
  const mode = modeProblem(object);
  if (mode !== null) return refused(mode);
  return patch([percentTo(0), ...revertedOperations(object, now)]);
}

/** What KServe says about the candidate's share. The status's own observedGeneration is Knative's, so revisions are compared. */
export function seeCanary(object: Json, rollout: string): RouteSight {
  const problem = heldByAnother(object, rollout) ?? modeProblem(object);
  if (problem !== null) return { weight: 0, reason: problem, lapsed: false, refused: true };
  const lease = readLease(object);
  const predictor = at(object, 'status', 'components', 'predictor');
  if (lease?.rollout !== rollout) return { weight: 0, reason: null, lapsed: false };
  const { weight, reason } = candidateShare(predictor, lease);
  if (lease.revertedAt === null) return { weight, reason, lapsed: false };
  const at_ = lease.revertedAt.toISOString();
  return { weight, reason: `Nobody confirmed the weight in time: given back at ${at_}.`, lapsed: true };
}

function candidateShare(
  predictor: Json,
  lease: { readonly stable: string | null; readonly candidate: string | null },
): { weight: number | null; reason: string | null } {
  const unseen = (reason: string) => ({ weight: null, reason });
  const [created, ready] = [textAt(predictor, 'latestCreatedRevision'), textAt(predictor, 'latestReadyRevision')];
  const [how, before] = [lease.candidate?.split(':', 1)[0], lease.candidate?.slice(lease.candidate.indexOf(':') + 1)];
  if (lease.stable === null || created === null || (how !== 'is' && created === before))
    return unseen('KServe has not made a revision of the candidate yet.');
  if (created !== ready) return unseen(`KServe's revision ${created} is not ready yet.`);
  const traffic = listAt(predictor, 'traffic');
  const stranger = traffic
    .map((each) => ({ revision: textAt(each, 'revisionName'), percent: numberAt(each, 'percent') ?? 0 }))
    .find(({ revision, percent }) => percent > 0 && revision !== created && revision !== lease.stable);
  if (stranger !== undefined)
    return unseen(`KServe gives ${stranger.percent} % to ${stranger.revision}, which is neither of the two versions.`);
  const [candidate, stable] = [shareOf(predictor, created), shareOf(predictor, lease.stable)];
  return candidate + stable === 100
    ? { weight: candidate, reason: null }
    : unseen('KServe does not say yet how it splits the traffic.');
}

function shareOf(predictor: Json, revision: string): number {
  return listAt(predictor, 'traffic')
    .filter((each) => textAt(each, 'revisionName') === revision)
    .reduce<number>((sum, each) => sum + (numberAt(each, 'percent') ?? 0), 0);
}

function percentTo(value: number): PatchOperation {
  return { op: 'add', path: pointer(...PERCENT), value };
}

function patch(operations: readonly PatchOperation[]): RoutePlan {
  return { kind: 'patch', operations };
}
