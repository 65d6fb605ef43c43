import { type Aggregate, type Digest, factType, type Transitions } from '../../kernel/index.js';
import type { Finding } from '../../monitors/index.js';

export const CAUSES = ['no-compressed-champion', 'compression-damage', 'world-changed', 'latency', 'manual'] as const;
export type Cause = (typeof CAUSES)[number];

export const RECIPES = ['quantize-static', 'incremental-distillation'] as const;
export type RecipeName = (typeof RECIPES)[number];

/** What is to be done about a cause: a recipe and how far up the ladder it is. */
export interface Remedy {
  readonly recipe: RecipeName;
  /** 0 = the cheapest rung. */
  readonly rung: number;
  /** Parameters of the recipe's steps that this rung changes; merged into the recipe's defaults. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface TriggerSpec {
  readonly cause: Cause;
  readonly remedy: Remedy;
  /** The version that the findings are about, and its reference. */
  readonly champion: Digest;
  readonly reference: Digest;
  /** Why this cause and this remedy, one sentence each. */
  readonly reasons: readonly string[];
  /** The findings as they stood. */
  readonly findings: readonly Finding[];
  /** Samples newer than this show the changed world; null = take what is there. */
  readonly freshSince: Date | null;
}

export const TRIGGER_OUTCOMES = ['promoted', 'refused', 'failed', 'cancelled'] as const;
export type TriggerOutcome = (typeof TRIGGER_OUTCOMES)[number];

export type TriggerStatus =
  | { readonly phase: 'Open' }
  | { readonly phase: 'Resolved'; readonly outcome: TriggerOutcome; readonly detail: string; readonly at: Date };

/** Findings that policy turned into one decision to act. Id: `<model>-t<n>`. */
export type Trigger = Aggregate<TriggerSpec, TriggerStatus>;

export const TRIGGER_TRANSITIONS = { Open: ['Resolved'], Resolved: [] } as const satisfies Transitions<
  TriggerStatus['phase']
>;

/** What a pass decided, kept when it differs from the decision before. */
export interface TriggerDecision {
  readonly model: string;
  readonly at: Date;
  readonly action: 'open' | 'wait' | 'refuse';
  readonly cause: Cause | 'unclear' | 'none';
  readonly reasons: readonly string[];
  readonly trigger: string | null;
}

export const TriggerOpened = factType<{ readonly trigger: string; readonly model: string }>('triggers.opened');
export const TriggerResolved = factType<{
  readonly trigger: string;
  readonly model: string;
  readonly outcome: TriggerOutcome;
}>('triggers.resolved');
