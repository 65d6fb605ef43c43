import {
  type Aggregate,
  type Digest,
  type Evidence,
  factType,
  type Transitions,
  type Verdict,
} from '../../kernel/index.js';
import type { Gate, RolloutPolicy } from '../../models/index.js';

export interface RolloutSpec {
  readonly experiment: string;
  readonly candidate: string;
  readonly candidateVersion: Digest;
  readonly champion: Digest;
  readonly policy: RolloutPolicy;
  /** Makes assignments sticky for this rollout. */
  readonly salt: string;
  /** 2 for the first retry; absent = 1. */
  readonly attempt?: number;
  /** The rollout whose promotion this one takes back; absent = it is none of that kind. */
  readonly undoes?: string;
}

/** What a gate said, with what it rests on. */
export interface GateReading {
  readonly gate: Gate;
  readonly verdict: Verdict;
  readonly reason: string;
  readonly evidence: readonly Evidence[];
  readonly at: Date;
  /**
   * What the meter needs beside the step's own beginning (a scrape, the window of a rate): evidence older than this does not
   * count. Absent = the step's beginning is enough.
   */
  readonly notBefore?: Date;
}

/** What was asked of the data plane and what it was seen to do: two facts, each since when. Percent for the candidate. */
export interface Traffic {
  readonly set: number;
  readonly setAt: Date;
  /** null = it cannot be seen. */
  readonly actual: number | null;
  readonly actualAt: Date;
}

/** Why traffic went back. */
export const ROLLBACK_CAUSES = [
  'gate-failed',
  'gate-invalid',
  'undecided',
  'blind',
  'confirm-timeout',
  'champion-changed',
  'no-gates',
] as const;
export type RollbackCause = (typeof ROLLBACK_CAUSES)[number];

/**
 * Fields marked optional are absent in what older versions have written; what their absence means is said at each. `traffic`
 * is absent before anything was asked of the data plane.
 */
export type RolloutStatus =
  /** `blockedBy`: another rollout has the model's or the target's traffic still; absent or null = none. */
  | { readonly phase: 'Pending'; readonly blockedBy?: string | null }
  | {
      readonly phase: 'Progressing';
      readonly step: number;
      /** When the data plane had the step's weight in force; null until then. Evidence must be newer. */
      readonly inForceSince: Date | null;
      readonly stepSince: Date;
      /** Since when nothing can be seen; null while everything can. */
      readonly blindSince: Date | null;
      /** Blindness of this step that is over, so that flickering evidence cannot hold a step for ever. */
      readonly blindMs: number;
      readonly readings: readonly GateReading[];
      /** The last step that was passed with PASS of every gate; absent or null = none. */
      readonly proven?: number | null;
      /** Signals that somebody overruled for this step: they must see, but need not pass. Absent = none. */
      readonly overruled?: readonly string[];
      readonly traffic?: Traffic;
    }
  /** The step before is held until somebody lets this one begin. */
  | {
      readonly phase: 'AwaitingApproval';
      readonly step: number;
      readonly since: Date;
      readonly readings: readonly GateReading[];
      readonly proven: number | null;
      readonly traffic?: Traffic;
    }
  | {
      readonly phase: 'Paused';
      readonly step: number;
      readonly since: Date;
      /** Who; `system:rollouts` when a signal or blindness did it. */
      readonly by: string;
      readonly reason: string;
      /** What it waits for: a person; the signals in `gates` to pass; the gates to see again. Absent = person. */
      readonly cause?: 'person' | 'signal' | 'blind';
      readonly gates?: readonly string[];
      readonly readings?: readonly GateReading[];
      readonly proven?: number | null;
      readonly traffic?: Traffic;
    }
  /** Every step passed, or an approver promoted it early; the weight is held until promotions decides. */
  | {
      readonly phase: 'Ready';
      readonly since: Date;
      readonly readings: readonly GateReading[];
      /** The step whose weight is held; absent = the last. */
      readonly step?: number;
      /** The approver who promotes it whatever the policy's approval says; absent or null = nobody did. */
      readonly promotion?: { readonly by: string; readonly reason: string } | null;
      readonly proven?: number | null;
      readonly traffic?: Traffic;
    }
  /** `settledAt`: the stable backend serves the candidate and gets everything; null until then; absent = long ago. */
  | { readonly phase: 'Promoted'; readonly at: Date; readonly settledAt?: Date | null; readonly traffic?: Traffic }
  | {
      readonly phase: 'RolledBack';
      readonly at: Date;
      readonly step: number;
      readonly reason: string;
      /** Absent in what older versions wrote. */
      readonly cause?: RollbackCause;
      /** True when the candidate is to blame; blindness and a champion that changed meanwhile are not its fault. */
      readonly charged: boolean;
      readonly readings: readonly GateReading[];
      /** The champion was seen to have everything again; null while it is given back; absent = long ago. */
      readonly givenBackAt?: Date | null;
      readonly traffic?: Traffic;
    }
  | {
      readonly phase: 'Aborted';
      readonly at: Date;
      readonly by: string;
      readonly reason: string;
      /** As in RolledBack. */
      readonly givenBackAt?: Date | null;
      readonly traffic?: Traffic;
    };

/** The arm of the status for one phase. */
export type StatusOf<Phase extends RolloutStatus['phase']> = Extract<RolloutStatus, { phase: Phase }>;

/** Stepwise shift of traffic to a candidate. Id: `<candidate>-r`, a retry's `<candidate>-r2` and so on. */
export type Rollout = Aggregate<RolloutSpec, RolloutStatus>;

export const ROLLOUT_TRANSITIONS = {
  Pending: ['AwaitingApproval', 'Progressing', 'RolledBack', 'Aborted'],
  Progressing: ['AwaitingApproval', 'Paused', 'Ready', 'RolledBack', 'Aborted'],
  AwaitingApproval: ['Progressing', 'Ready', 'RolledBack', 'Aborted'],
  Paused: ['Progressing', 'Ready', 'RolledBack', 'Aborted'],
  Ready: ['Promoted', 'RolledBack', 'Aborted'],
  Promoted: [],
  RolledBack: [],
  Aborted: [],
} as const satisfies Transitions<RolloutStatus['phase']>;

/** True once nothing is decided any more; its traffic may still be on the way (`isSettled`). */
export function isEnded(status: RolloutStatus): status is StatusOf<'Promoted' | 'RolledBack' | 'Aborted'> {
  return status.phase === 'Promoted' || status.phase === 'RolledBack' || status.phase === 'Aborted';
}

/** True when it has ended and the data plane was seen to follow. */
export function isSettled(status: RolloutStatus): boolean {
  if (!isEnded(status)) return false;
  return (status.phase === 'Promoted' ? status.settledAt : status.givenBackAt) !== null;
}

/** The share of traffic in percent that a status may give its candidate at most. */
export function weightOf({ spec, status }: Rollout): number {
  const { steps } = spec.policy;
  switch (status.phase) {
    case 'Progressing':
    case 'Paused':
      return steps[status.step]?.weight ?? 0;
    case 'AwaitingApproval':
      return steps[status.step - 1]?.weight ?? 0;
    case 'Ready':
      return steps[status.step ?? steps.length - 1]?.weight ?? 0;
    default:
      return 0;
  }
}

/** Every step passed. */
export const RolloutReady = factType<{ readonly rollout: string; readonly model: string }>('rollouts.ready');
/** It ended without promotion; traffic is back on the champion, or on its way there. */
export const RolloutFailed = factType<{
  readonly rollout: string;
  readonly candidate: string;
  readonly model: string;
  readonly outcome: 'RolledBack' | 'Aborted';
  readonly reason: string;
}>('rollouts.failed');
