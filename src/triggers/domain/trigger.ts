import { type Aggregate, type Digest, factType, type Transitions } from '../../kernel/index.js';
import type { Finding } from '../../monitors/index.js';
import type { Remedy } from './remedy.js';

/** `latency` stands for latency or cost: the champion is too slow or too dear, and its quality is as promised. */
export const CAUSES = ['no-compressed-champion', 'compression-damage', 'world-changed', 'latency', 'manual'] as const;
export type Cause = (typeof CAUSES)[number];

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

/** What was measured of a trigger's candidate, on held-out samples; shares are fractions. */
export interface AchievedFigures {
  /** null without labels. */
  readonly accuracy: { readonly champion: number; readonly candidate: number; readonly reference: number } | null;
  /** Share of answers that equal the reference's. */
  readonly agreement: { readonly champion: number; readonly candidate: number };
  /** Bytes of the candidate ÷ bytes of the reference. */
  readonly sizeRatio: number;
  /** Reference ÷ candidate, and champion ÷ candidate, in time. */
  readonly speedup: number;
  readonly overChampion: number;
}

/** Where a trigger led: the link from it to the record of what was promoted or turned away. */
export interface Achievement {
  /** The stage that decided. */
  readonly decidedBy: 'jobs' | 'candidates' | 'experiments' | 'rollouts' | 'promotions';
  /** The candidate, which is also the id of its record; null when there was none. */
  readonly candidate: string | null;
  readonly version: Digest | null;
  /** null unless it was promoted. */
  readonly promotion: string | null;
  /** null when nothing could be measured. */
  readonly figures: AchievedFigures | null;
}

export type TriggerStatus =
  | { readonly phase: 'Open' }
  | {
      readonly phase: 'Resolved';
      readonly outcome: TriggerOutcome;
      readonly detail: string;
      readonly at: Date;
      /** Absent when whoever resolved it had nothing to tell. */
      readonly achieved?: Achievement;
    };

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
  /** The row of the decision table; null for a trigger by hand. */
  readonly row: string | null;
  readonly reasons: readonly string[];
  /** Until when what holds it back lasts; null when nothing does, or nobody can know. */
  readonly until: Date | null;
  /** The additional evidence that was asked for with this decision. */
  readonly evidence: { readonly samples: number; readonly until: Date } | null;
  readonly trigger: string | null;
}

export const TriggerOpened = factType<{ readonly trigger: string; readonly model: string }>('triggers.opened');
export const TriggerResolved = factType<{
  readonly trigger: string;
  readonly model: string;
  readonly outcome: TriggerOutcome;
}>('triggers.resolved');
