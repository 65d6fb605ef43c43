import type { PairedAnswer, Sample } from '../../telemetry/index.js';
import type { Difference } from './betting.js';
import type { ExperimentSpec } from './experiment.js';

/** One pair as it entered a test; judged once, whatever is learnt about the request later. */
export interface EnteredPair {
  readonly requestId: string;
  /** When the request was answered. */
  readonly at: Date;
  readonly difference: Difference;
  /** What decided which side was right. */
  readonly truth: 'label' | 'reference';
}

/** Who may enter now. */
export interface Entrants {
  readonly labelled: readonly EnteredPair[];
  /** Those that have waited long enough for a label; they enter when the reference has answered them too, if there is room. */
  readonly unlabelled: readonly PairedAnswer[];
}

/**
 * Picks the pairs that enter the test in this pass, in their order. Nothing here looks at what the two sides answered, so
 * order and membership are settled before the outcomes are: labelled pairs in the ledger's order, then those that
 * have waited `unlabelledAfterMs` for a label in vain, oldest first. At most `room` labelled ones.
 */
export function pickEntrants(
  pairs: readonly PairedAnswer[],
  entered: ReadonlySet<string>,
  options: {
    readonly truth: ExperimentSpec['truth'];
    readonly room: number;
    readonly unlabelledAfterMs: number;
    readonly now: Date;
  },
): Entrants {
  const labelled: EnteredPair[] = [];
  const unlabelled: PairedAnswer[] = [];
  const due = options.now.getTime() - options.unlabelledAfterMs;
  for (const pair of pairs) {
    if (entered.has(pair.requestId)) continue;
    if (pair.label !== null) labelled.push(judgePair(pair, pair.label, 'label'));
    else if (options.truth === 'labels-or-reference' && pair.at.getTime() <= due) unlabelled.push(pair);
  }
  return { labelled: labelled.slice(0, Math.max(0, options.room)), unlabelled };
}

/** right(candidate) − right(champion), where right means equal to the truth. */
export function judgePair(
  pair: Pick<PairedAnswer, 'requestId' | 'at' | 'candidate' | 'champion'>,
  truth: number,
  kind: EnteredPair['truth'],
): EnteredPair {
  const difference = Number(pair.candidate === truth) - Number(pair.champion === truth);
  return { requestId: pair.requestId, at: pair.at, difference, truth: kind };
}

/**
 * The sampled requests that are scored again in this pass, in the order in which they were kept: those answered since the
 * beginning, up to the first one that still waits for its label, so that nobody overtakes. Looks at no answer.
 * `until` is the sequence up to which the sample has been looked at.
 */
export function pickSamples(
  samples: readonly Sample[],
  from: number,
  options: {
    readonly truth: ExperimentSpec['truth'];
    readonly since: Date;
    readonly limit: number;
    readonly unlabelledAfterMs: number;
    readonly labelWaitMs: number;
    readonly now: Date;
  },
): { readonly chosen: readonly Sample[]; readonly until: number } {
  const chosen: Sample[] = [];
  let until = from;
  const wait = options.truth === 'labels' ? options.labelWaitMs : options.unlabelledAfterMs;
  for (const sample of samples) {
    if (chosen.length >= options.limit) break;
    const isSince = sample.at > options.since;
    const isWaiting = sample.label === null && sample.at.getTime() > options.now.getTime() - wait;
    if (isSince && isWaiting) break;
    until = sample.sequence;
    if (isSince && (sample.label !== null || options.truth === 'labels-or-reference')) chosen.push(sample);
  }
  return { chosen, until };
}
