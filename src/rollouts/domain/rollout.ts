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
}

/** What a gate said, with what it rests on. */
export interface GateReading {
  readonly gate: Gate;
  readonly verdict: Verdict;
  readonly reason: string;
  readonly evidence: readonly Evidence[];
  readonly at: Date;
}

export type RolloutStatus =
  | { readonly phase: 'Pending' }
  | {
      readonly phase: 'Progressing';
      readonly step: number;
      /** When the gateways had the step's weight in force; null until then. Evidence must be newer. */
      readonly inForceSince: Date | null;
      readonly stepSince: Date;
      /** Since when nothing can be seen; null while everything can. */
      readonly blindSince: Date | null;
      /** Blindness of this step that is over, so that flickering evidence cannot hold a step for ever. */
      readonly blindMs: number;
      readonly readings: readonly GateReading[];
    }
  | {
      readonly phase: 'Paused';
      readonly step: number;
      readonly since: Date;
      readonly by: string;
      readonly reason: string;
    }
  /** Every step passed; the last weight is held until promotions decides. */
  | { readonly phase: 'Ready'; readonly since: Date; readonly readings: readonly GateReading[] }
  | { readonly phase: 'Promoted'; readonly at: Date }
  | {
      readonly phase: 'RolledBack';
      readonly at: Date;
      readonly step: number;
      readonly reason: string;
      /** True when the candidate is to blame; blindness and a champion that changed meanwhile are not its fault. */
      readonly charged: boolean;
      readonly readings: readonly GateReading[];
    }
  | { readonly phase: 'Aborted'; readonly at: Date; readonly by: string; readonly reason: string };

/** Stepwise shift of traffic to a candidate. Id: `<candidate>-r`. */
export type Rollout = Aggregate<RolloutSpec, RolloutStatus>;

export const ROLLOUT_TRANSITIONS = {
  Pending: ['Progressing', 'RolledBack', 'Aborted'],
  Progressing: ['Paused', 'Ready', 'RolledBack', 'Aborted'],
  Paused: ['Progressing', 'RolledBack', 'Aborted'],
  Ready: ['Promoted', 'RolledBack', 'Aborted'],
  Promoted: [],
  RolledBack: [],
  Aborted: [],
} as const satisfies Transitions<RolloutStatus['phase']>;

/** Every step passed. */
export const RolloutReady = factType<{ readonly rollout: string; readonly model: string }>('rollouts.ready');
/** It ended without promotion; traffic is back on the champion. */
export const RolloutFailed = factType<{
  readonly rollout: string;
  readonly candidate: string;
  readonly model: string;
  readonly outcome: 'RolledBack' | 'Aborted';
  readonly reason: string;
}>('rollouts.failed');
