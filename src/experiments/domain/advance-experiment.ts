import { assertNever, type Verdict } from '../../kernel/index.js';
import type { BettingOutcome } from './betting.js';
import type { Experiment, ExperimentReading, ExperimentStatus } from './experiment.js';

/** What a pass saw before it decides. */
export interface ExperimentObservation {
  readonly now: Date;
  /** True when this candidate may change what serves the model. */
  readonly lockHeld: boolean;
  readonly championNow: string | null;
  /** The bets over every pair so far. */
  readonly outcome: BettingOutcome;
  readonly newestAt: Date | null;
}

/** The wanted end: the status, and whether the candidate is to be mirrored. */
export interface ExperimentDecision {
  readonly status: ExperimentStatus;
  readonly mirror: boolean;
}

/** Moves an experiment at most one decision on. Pure and total. UNDECIDED and BLIND ends keep the champion. */
export function advanceExperiment(experiment: Experiment, seen: ExperimentObservation): ExperimentDecision {
  const { status, spec } = experiment;
  if (status.phase === 'Concluded') return { status, mirror: false };
  const conclude = (verdict: Verdict, reason: string): ExperimentDecision => ({
    status: {
      phase: 'Concluded',
      startedAt: status.phase === 'Running' ? status.startedAt : seen.now,
      finishedAt: seen.now,
      verdict,
      reason,
      reading: readingOf(seen),
    },
    mirror: false,
  });
  if (seen.championNow !== spec.champion)
    return conclude('INVALID', 'Another version became champion before this candidate was compared with it.');
  if (spec.margin <= 0)
    return conclude('INVALID', 'The quality budget against the reference is spent, so no loss at all could be allowed.');
  switch (status.phase) {
    case 'Waiting':
      return seen.lockHeld
        ? { status: { phase: 'Running', startedAt: seen.now, reading: NOTHING_READ }, mirror: true }
        : { status, mirror: false };
    case 'Running':
      return run(experiment, status.startedAt, seen, conclude);
    default:
      return assertNever(status);
  }
}

const NOTHING_READ: ExperimentReading = {
  pairs: 0,
  discordant: 0,
  difference: 0,
  wealthNonInferior: 1,
  wealthHarm: 1,
  newestAt: null,
};

function run(
  { spec }: Experiment,
  startedAt: Date,
  seen: ExperimentObservation,
  conclude: (verdict: Verdict, reason: string) => ExperimentDecision,
): ExperimentDecision {
  const { outcome } = seen;
  const { pairs } = outcome.reading;
  const figures = `${pairs} pairs, difference ${points(outcome.reading.difference)}, margin ${points(spec.margin)}`;
  if (outcome.proven === 'non-inferior')
    return conclude('PASS', `No worse than the champion: ${figures}, error at most ${spec.alpha}.`);
  if (outcome.proven === 'harm')
    return conclude('FAIL', `Worse than the champion by more than the margin: ${figures}, error at most ${spec.alpha}.`);
  const over = seen.now.getTime() - startedAt.getTime() >= spec.maxSeconds * 1000;
  if (over && pairs === 0) return conclude('BLIND', `No comparable request in ${spec.maxSeconds} s; the champion stays.`);
  if (over || pairs >= spec.maxSamples)
    return conclude('UNDECIDED', `Not proven within the plan (${figures}); the champion stays.`);
  return { status: { phase: 'Running', startedAt, reading: readingOf(seen) }, mirror: true };
}

function readingOf(seen: ExperimentObservation): ExperimentReading {
  return { ...seen.outcome.reading, newestAt: seen.newestAt };
}

function points(share: number): string {
  const value = share * 100;
  return `${value >= 0 ? '+' : '−'}${Math.abs(value).toFixed(2)} points`;
}
