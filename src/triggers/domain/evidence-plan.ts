import { type EvidenceWish, type Finding, MOST_WISHED_SAMPLES } from '../../monitors/index.js';
import type { Attribution } from './attribution.js';
import type { TriggerDecision } from './trigger.js';

/** More samples that a pass re-scores than usual, at least. */
const LEAST_SAMPLES = 1_000;
const TIMES_THE_BATCH = 4;
const SHORTEST_MS = 60_000;
const LONGEST_MS = 3_600_000;
/** How often one alarm may ask; whoever still cannot tell then will not by asking again. */
export const MOST_WISHES = 3;

/** What is asked for now, and what is to be said about it. */
export interface EvidencePlan {
  /** null when nothing new is asked for. */
  readonly wish: EvidenceWish | null;
  /** null when this situation asks for nothing. */
  readonly reason: string | null;
}

/**
 * Whether an unclear cause asks for more samples scored by the reference. Pure. A wish lasts as long as labels may take,
 * within a minute and an hour, and one alarm asks at most three times: it is bounded whatever happens.
 */
export function planEvidence(
  attribution: Attribution,
  known: {
    readonly findings: readonly Finding[];
    /** The wish in force. */
    readonly current: EvidenceWish | null;
    /** Newest first. */
    readonly decisions: readonly TriggerDecision[];
    readonly rescoreBatch: number;
    readonly labelWaitSeconds: number;
    readonly now: Date;
  },
): EvidencePlan {
  if (attribution.cause !== 'unclear' || attribution.asks !== 'rescore') return { wish: null, reason: null };
  const { findings, current, decisions, now } = known;
  if (current !== null) return { wish: null, reason: sentence(current) };
  const alarms = findings.filter(({ state }) => state === 'alarm').map(({ since }) => since.getTime());
  const began = alarms.length === 0 ? now.getTime() : Math.min(...alarms);
  const asked = decisions.filter(({ evidence, at }) => evidence !== null && at.getTime() >= began).length;
  if (asked >= MOST_WISHES)
    return { wish: null, reason: `More evidence was asked for ${asked} times and did not tell; a person may look.` };
  const lasts = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, known.labelWaitSeconds * 1000));
  const wish: EvidenceWish = {
    samples: Math.min(MOST_WISHED_SAMPLES, Math.max(LEAST_SAMPLES, TIMES_THE_BATCH * known.rescoreBatch)),
    reason: attribution.reasons[0] ?? 'The cause is unclear.',
    until: new Date(now.getTime() + lasts),
  };
  return { wish, reason: sentence(wish) };
}

function sentence({ samples, until }: EvidenceWish): string {
  return `Up to ${samples} samples a pass are scored by the reference until ${until.toISOString()}, to tell.`;
}
