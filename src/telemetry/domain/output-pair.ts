import type { AdmittedEvent, ModelView } from './admit.js';
import type { Output } from './event.js';
import { stableHash } from './stable-hash.js';

/** What a version and another one (its shadow) answered to the same request, where that is no single number. */
export interface OutputPair {
  /** Rises in the order in which pairs became known; never repeats. */
  readonly sequence: number;
  readonly requestId: string;
  readonly at: Date;
  readonly output: Output;
  readonly shadow: Output;
}

/** Pairs of one batch that are kept at most; the others are left out by chance, not by what they say. */
export const MOST_PAIRS_A_BATCH = 64;
/** Newest pairs of a model that are kept. */
export const MOST_PAIRS = 2_000;
/** Text beyond is cut, so that one long answer cannot fill the store. */
export const MOST_TEXT = 16_384;
/** Pairs with a longer series are not kept. */
export const MOST_STEPS = 8_192;

/** The pairs among these events that are to be kept, chosen by a stable hash of the request. None where inputs may not be kept. */
export function pairsToKeep(
  view: Pick<ModelView, 'sampling' | 'redaction'>,
  events: readonly AdmittedEvent[],
): { readonly event: AdmittedEvent['event']; readonly output: Output; readonly shadow: Output }[] {
  if (!view.sampling || view.redaction.names.has('output')) return [];
  const pairs = events.flatMap(({ event }) => {
    const output = bounded(event.output);
    const shadow = bounded(event.shadow?.output ?? null);
    return output === null || shadow === null || typeof output !== typeof shadow ? [] : [{ event, output, shadow }];
  });
  if (pairs.length <= MOST_PAIRS_A_BATCH) return pairs;
  const chance = ({ event }: (typeof pairs)[number]): number => stableHash(event.requestId, 0x2f0e1b5d);
  const last = pairs.map(chance).sort((a, b) => a - b)[MOST_PAIRS_A_BATCH - 1] ?? 0;
  return pairs.filter((pair) => chance(pair) <= last).slice(0, MOST_PAIRS_A_BATCH);
}

function bounded(output: Output | null): Output | null {
  if (output === null) return null;
  if (typeof output === 'string') return output.slice(0, MOST_TEXT).replace(/\p{Surrogate}/gu, '\ufffd');
  return output.length <= MOST_STEPS ? output : null;
}
