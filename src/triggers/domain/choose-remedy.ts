import type { Digest } from '../../kernel/index.js';
import type { TriggerPolicy } from '../../models/index.js';
import { byExpectedCost, estimateRemedies, inWords, type RemedyEstimate } from './remedy-estimate.js';
import { type Ladder, type LadderCause, ladderFor, remediesUsed } from './remedy-ladder.js';
import type { PlannedRemedy } from './remedy-plan.js';
import { type Remedy, remedyAt } from './remedy.js';
import type { RemedyOutcome } from './remedy-outcome.js';
import type { Trigger } from './trigger.js';

/** What a choice rests on. */
export interface ChoiceInput {
  readonly model: string;
  readonly champion: Digest;
  readonly policy: Pick<TriggerPolicy, 'ladders' | 'learnFromOutcomes'>;
  /** Triggers of the model. */
  readonly triggers: readonly Trigger[];
  /** How remedies ended on all models. */
  readonly outcomes: readonly RemedyOutcome[];
  /** What the model's latest report expected of every remedy; empty where there is none. */
  readonly plan?: readonly PlannedRemedy[];
  readonly now: Date;
}

export type Choice =
  | {
      readonly kind: 'remedy';
      readonly remedy: Remedy;
      /** Why this one, with the figures. */
      readonly reason: string;
    }
  /** Every remedy was tried on this champion without success. */
  | { readonly kind: 'exhausted'; readonly reason: string }
  /** The document's ladder cannot be used. */
  | { readonly kind: 'fault'; readonly reason: string };

/**
 * The next remedy for a cause. Of the ladder's remedies that were not refused and did not fail on this champion for this
 * cause, the one whose success is expected to cost least; an order that somebody wrote into the document is kept. Pure;
 * never repeats what was refused, and ends after as many refusals as the ladder has rungs.
 */
export function chooseRemedy(cause: LadderCause, input: ChoiceInput): Choice {
  const reading = ladderFor(cause, input.policy);
  if (reading.kind === 'fault') return reading;
  const { ladder } = reading;
  const used = remediesUsed(cause, input.champion, input.triggers);
  const left = standing(cause, input, ladder).filter(({ remedy }) => !used.has(remedy));
  const [chosen] = left;
  if (chosen === undefined)
    return {
      kind: 'exhausted',
      reason: `All ${ladder.remedies.length} remedies for ${cause} were tried on this champion without success.`,
    };
  return {
    kind: 'remedy',
    remedy: remedyAt(chosen.remedy, chosen.rung),
    reason: why(cause, input, ladder, left, used),
  };
}

/** The ladder's remedies in the order in which they would be tried, with what outcomes say about each. */
export function standing(
  cause: LadderCause,
  input: Pick<ChoiceInput, 'model' | 'policy' | 'outcomes' | 'plan' | 'now'>,
  ladder: Ladder,
): RemedyEstimate[] {
  const estimates = estimateRemedies(cause, input.model, ladder, input.outcomes, input.now, input.plan);
  return reorders(input.policy, ladder) ? byExpectedCost(estimates) : estimates;
}

function reorders(policy: Pick<TriggerPolicy, 'learnFromOutcomes'>, ladder: Ladder): boolean {
  return policy.learnFromOutcomes && ladder.source === 'built-in';
}

function why(
  cause: LadderCause,
  input: ChoiceInput,
  ladder: Ladder,
  left: readonly RemedyEstimate[],
  used: ReadonlyMap<string, Trigger>,
): string {
  const chosen = left[0]!;
  const place = `Remedy: ${chosen.remedy}, rung ${chosen.rung + 1} of ${ladder.remedies.length}`;
  const order = ladder.source === 'document' ? "the document's own order" : 'the order the ladder is written in';
  const refused = used.size === 0 ? '' : `; ${[...used.keys()].join(' and ')} did not help on this champion`;
  const overtaken = reorders(input.policy, ladder) ? left.filter(({ rung }) => rung < chosen.rung) : [];
  const figures = inWords(chosen, cause, input.model);
  if (overtaken.length === 0) return `${place}, by ${order}${refused}. ${figures}`;
  const others = overtaken.map((estimate) => inWords(estimate, cause, input.model)).join(' ');
  return `${place}, because a success is expected to cost least${refused}. ${figures} ${others}`;
}
