import type { Digest } from '../../kernel/index.js';
import type { TriggerPolicy } from '../../models/index.js';
import { isRemedy, nameOfRemedy, REMEDIES, REMEDY_NAMES, type RemedyName } from './remedy.js';
import { CAUSES, type Cause, type Trigger } from './trigger.js';

/** Causes that a ladder exists for; a trigger by hand names its recipe itself. */
export type LadderCause = Exclude<Cause, 'manual'>;
export const LADDER_CAUSES: readonly LadderCause[] = CAUSES.filter((cause) => cause !== 'manual');

/** Cheapest first. Nothing on the ladder of `latency` learns anew what is right. */
export const LADDERS: Readonly<Record<LadderCause, readonly RemedyName[]>> = {
  'no-compressed-champion': [
    ...(['quantize-static', 'quantize-static/percentile', 'quantize-static/keep-sensitive'] as const),
    ...(['compress/dynamic', 'compress/static-mixed', 'compress/quantize-aware'] as const),
  ],
  'compression-damage': [
    ...(['quantize-static', 'quantize-static/keep-sensitive'] as const),
    ...(['compress/static-mixed', 'compress/quantize-aware', 'incremental-distillation'] as const),
  ],
  'world-changed': ['incremental-distillation', 'incremental-distillation/long'],
  latency: [
    ...(['quantize-static', 'compress/dynamic', 'compress/static-mixed'] as const),
    ...(['compress/prune-quantize', 'compress/prune-quantize-distil'] as const),
  ],
};

/** The remedies of a cause in order, and whose order it is. */
export interface Ladder {
  readonly remedies: readonly RemedyName[];
  readonly source: 'built-in' | 'document';
}

/** A ladder, or why the document's cannot be used: nothing is opened until somebody mends it. */
export type LadderReading =
  { readonly kind: 'ladder'; readonly ladder: Ladder } | { readonly kind: 'fault'; readonly reason: string };

/**
 * The ladder that holds for a cause: the document's own, or the built-in one. A remedy that is named twice counts once.
 * A name that nobody knows, and a remedy that trains on the ladder of `latency`, are faults: a champion that is only slow
 * is never retrained, whoever writes the ladder.
 */
export function ladderFor(cause: LadderCause, policy: Pick<TriggerPolicy, 'ladders'>): LadderReading {
  const stranger = Object.keys(policy.ladders).find((name) => !(LADDER_CAUSES as readonly string[]).includes(name));
  if (stranger !== undefined)
    return fault(`spec.triggers.ladders names the cause "${stranger}"; there are ${LADDER_CAUSES.join(', ')}.`);
  const own = policy.ladders[cause];
  if (own === undefined) return { kind: 'ladder', ladder: { remedies: LADDERS[cause], source: 'built-in' } };
  const unknown = own.find((name) => !isRemedy(name));
  if (unknown !== undefined)
    return fault(`spec.triggers.ladders.${cause} names the remedy "${unknown}"; there are ${REMEDY_NAMES.join(', ')}.`);
  const remedies = [...new Set(own.filter(isRemedy))];
  const training = cause === 'latency' ? remedies.find((name) => REMEDIES[name].trains) : undefined;
  if (training !== undefined)
    return fault(
      `spec.triggers.ladders.latency names ${training}, which trains: a champion that is only slow or dear is never retrained.`,
    );
  return { kind: 'ladder', ladder: { remedies, source: 'document' } };
}

/** Remedies that were refused or failed for this cause on this champion; none of them is chosen again. */
export function remediesUsed(
  cause: Cause,
  champion: Digest,
  triggers: readonly Trigger[],
): ReadonlyMap<RemedyName, Trigger> {
  const used = triggers.filter(
    ({ spec, status }) =>
      spec.cause === cause &&
      spec.champion === champion &&
      status.phase === 'Resolved' &&
      (status.outcome === 'refused' || status.outcome === 'failed'),
  );
  return new Map(used.map((trigger) => [nameOfRemedy(trigger.spec.remedy), trigger]));
}

/** True when every remedy of the ladder was tried on this champion without success. */
export function isExhausted(
  cause: LadderCause,
  champion: Digest,
  triggers: readonly Trigger[],
  policy: Pick<TriggerPolicy, 'ladders'>,
): boolean {
  const reading = ladderFor(cause, policy);
  const used = remediesUsed(cause, champion, triggers);
  return reading.kind === 'ladder' && reading.ladder.remedies.every((name) => used.has(name));
}

function fault(reason: string): LadderReading {
  return { kind: 'fault', reason };
}
