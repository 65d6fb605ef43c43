import { type Aggregate, type Digest, factType, type Transitions, type Verdict } from '../../kernel/index.js';

export interface ExperimentSpec {
  readonly candidate: string;
  readonly candidateVersion: Digest;
  readonly champion: Digest;
  readonly reference: Digest;
  /** Largest loss that counts as no worse, after what the quality ledger still allows. */
  readonly margin: number;
  readonly alpha: number;
  readonly mirrorFraction: number;
  readonly maxSamples: number;
  readonly maxSeconds: number;
  /**
   * What counts as right. `labels`: only labelled requests (the reference itself is in doubt). `labels-or-reference`:
   * agreement with the reference where there is no label.
   */
  readonly truth: 'labels' | 'labels-or-reference';
}

/** Where the test stands after so many pairs. */
export interface ExperimentReading {
  readonly pairs: number;
  /** Pairs in which exactly one side was right. */
  readonly discordant: number;
  /** Mean of right(candidate) − right(champion). */
  readonly difference: number;
  /** Wealth of the bets that the candidate is no worse; promotes at 1/alpha. */
  readonly wealthNonInferior: number;
  /** Wealth of the bets that it is worse than the margin. */
  readonly wealthHarm: number;
  readonly newestAt: Date | null;
}

export type ExperimentStatus =
  | { readonly phase: 'Waiting'; readonly reason: string }
  | { readonly phase: 'Running'; readonly startedAt: Date; readonly reading: ExperimentReading }
  | {
      readonly phase: 'Concluded';
      readonly startedAt: Date;
      readonly finishedAt: Date;
      readonly verdict: Verdict;
      readonly reason: string;
      readonly reading: ExperimentReading;
    };

/** Candidate against champion on mirrored live requests. Id: `<candidate>-x`. */
export type Experiment = Aggregate<ExperimentSpec, ExperimentStatus>;

export const EXPERIMENT_TRANSITIONS = {
  Waiting: ['Running', 'Concluded'],
  Running: ['Concluded'],
  Concluded: [],
} as const satisfies Transitions<ExperimentStatus['phase']>;

export const ExperimentConcluded = factType<{
  readonly experiment: string;
  readonly candidate: string;
  readonly model: string;
  readonly verdict: Verdict;
  readonly reason: string;
}>('experiments.concluded');
