import { type Aggregate, type Digest, factType, type Transitions } from '../../kernel/index.js';
import type { Cause } from '../../triggers/index.js';

export interface CandidateSpec {
  readonly digest: Digest;
  /** The reference it is judged against; a newly trained one when its job made one. */
  readonly reference: Digest;
  /** The champion when it was made. */
  readonly champion: Digest;
  readonly trigger: string | null;
  readonly job: string | null;
  readonly cause: Cause;
  /** Held-out snapshot file it is evaluated on; null = a fresh one is taken. */
  readonly holdout: Digest | null;
  /** Token name of whoever submitted it by hand; null when a job made it. */
  readonly submittedBy: string | null;
}

/** Share with the number of observations behind it. */
export interface Share {
  readonly value: number;
  readonly samples: number;
}

export interface Evaluation {
  readonly at: Date;
  readonly dataset: {
    readonly digest: Digest;
    readonly rows: number;
    readonly labelled: number;
    readonly from: Date;
    readonly until: Date;
  };
  /** Share of right answers on the labelled rows; null without labels. */
  readonly accuracy: { readonly candidate: Share; readonly reference: Share; readonly champion: Share } | null;
  /** Share of the candidate's (and the champion's) answers that equal the reference's. */
  readonly agreement: { readonly candidate: Share; readonly champion: Share };
  /** Accuracy under additive Gaussian noise, candidate and reference; null without labels. */
  readonly noiseAccuracy: { readonly candidate: Share; readonly reference: Share } | null;
  readonly size: { readonly candidateBytes: number; readonly referenceBytes: number; readonly ratio: number };
  /** Best of interleaved rounds, one thread, batch 1. */
  readonly latency: {
    readonly candidateMs: number;
    readonly referenceMs: number;
    readonly championMs: number;
    /** reference ÷ candidate. */
    readonly speedup: number;
    /** champion ÷ candidate. */
    readonly overChampion: number;
    readonly rounds: number;
  };
  readonly peakRssBytes: number;
  readonly warnings: readonly string[];
}

/** Labelled rows on which candidate and reference differ in being right. */
export interface PairedCounts {
  readonly samples: number;
  /** The reference is right, the candidate is not. */
  readonly lost: number;
  /** The candidate is right, the reference is not. */
  readonly gained: number;
}

/** An evaluation with what only its judge needs. */
export interface MeasuredEvaluation extends Evaluation {
  /** null without labels. */
  readonly paired: PairedCounts | null;
}

/** What came of measuring a candidate. */
export type EvaluationOutcome =
  | { readonly kind: 'measured'; readonly evaluation: MeasuredEvaluation }
  /** It cannot even be measured: it does not load, breaks its contract, or goes beyond the limits. */
  | { readonly kind: 'refused'; readonly reasons: readonly string[] };

export type CandidateStatus =
  | { readonly phase: 'Pending' }
  | {
      readonly phase: 'Evaluating';
      readonly since: Date;
      /** 1, 2, …: evaluations that were begun; one that never ends is not begun for ever. */
      readonly tries: number;
      /** Snapshot file that it is evaluated on; every try uses the same. */
      readonly holdout: Digest;
    }
  | { readonly phase: 'Accepted'; readonly evaluation: Evaluation }
  | { readonly phase: 'Refused'; readonly reasons: readonly string[]; readonly evaluation: Evaluation | null };

/** A version that wants to serve. Id: `<trigger>-c<n>`, or `<model>-m<n>` when submitted by hand. */
export type Candidate = Aggregate<CandidateSpec, CandidateStatus>;

export const CANDIDATE_TRANSITIONS = {
  Pending: ['Evaluating', 'Refused'],
  Evaluating: ['Accepted', 'Refused'],
  Accepted: [],
  Refused: [],
} as const satisfies Transitions<CandidateStatus['phase']>;

export const CandidateAccepted = factType<{ readonly candidate: string; readonly model: string }>(
  'candidates.accepted',
);
export const CandidateRefused = factType<{
  readonly candidate: string;
  readonly model: string;
  readonly reasons: readonly string[];
}>('candidates.refused');
