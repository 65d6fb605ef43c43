import { assertNever, type Digest } from '../../kernel/index.js';
import { playBets } from './betting.js';
import type { EnteredPair } from './enter-pairs.js';
import type { Experiment, ExperimentReading, ExperimentStatus } from './experiment.js';

export interface ExperimentObservation {
  readonly championNow: Digest | null;
  /** The version that the route gives to everybody; null without a route. */
  readonly stableNow: Digest | null;
  /** Whether this candidate holds the model's change lock now. */
  readonly locked: boolean;
  /** In the order of entry. */
  readonly pairs: readonly EnteredPair[];
  readonly now: Date;
}

export const NOTHING_READ: ExperimentReading = {
  pairs: 0,
  discordant: 0,
  difference: 0,
  wealthNonInferior: 1,
  wealthHarm: 1,
  newestAt: null,
};

/** Why an experiment cannot give an answer at all, or null; what it asks is wrong whatever the data say. */
export function invalidity(experiment: Experiment, championNow: Digest | null): string | null {
  const { spec } = experiment;
  if (championNow === spec.candidateVersion) return 'the candidate serves as champion already';
  if (championNow !== null && championNow !== spec.champion) {
    return 'the champion has changed since the candidate was evaluated against it';
  }
  if (spec.margin <= 0)
    return 'the quality budget against this reference is used up: no loss is small enough to be tested';
  return null;
}

/** The status that should be, from what is seen now. Total; repeating it with the same observation changes nothing. */
export function advanceExperiment(experiment: Experiment, seen: ExperimentObservation): ExperimentStatus {
  const { status } = experiment;
  switch (status.phase) {
    case 'Concluded':
      return status;
    case 'Waiting':
      return fromWaiting(experiment, seen);
    case 'Running':
      return fromRunning(experiment, status.startedAt, seen);
    default:
      return assertNever(status);
  }
}

function fromWaiting(experiment: Experiment, seen: ExperimentObservation): ExperimentStatus {
  const invalid = invalidity(experiment, seen.championNow);
  if (invalid !== null) return conclude(seen.now, seen.now, 'INVALID', invalid, NOTHING_READ);
  if (seen.championNow === null || seen.stableNow !== seen.championNow) {
    return { phase: 'Waiting', reason: 'the data plane does not serve the champion yet' };
  }
  if (!seen.locked) return { phase: 'Waiting', reason: 'another change of this model is under way' };
  return { phase: 'Running', startedAt: seen.now, reading: NOTHING_READ };
}

function fromRunning(experiment: Experiment, startedAt: Date, seen: ExperimentObservation): ExperimentStatus {
  const { spec } = experiment;
  const { reading: bets, proven } = playBets(
    seen.pairs.map((pair) => pair.difference),
    spec,
  );
  const reading: ExperimentReading = { ...bets, newestAt: newest(seen.pairs.slice(0, bets.pairs)) };
  const end = (verdict: 'PASS' | 'FAIL' | 'UNDECIDED' | 'BLIND' | 'INVALID', reason: string) =>
    conclude(startedAt, seen.now, verdict, reason, reading);
  const invalid = invalidity(experiment, seen.championNow);
  if (invalid !== null) return end('INVALID', invalid);
  const loss = `the measured difference is ${points(reading.difference)} points over ${reading.pairs} pairs`;
  if (proven === 'non-inferior') return end('PASS', `no worse than ${points(spec.margin)} points: ${loss}`);
  if (proven === 'harm') return end('FAIL', `worse by more than ${points(spec.margin)} points: ${loss}`);
  if (reading.pairs >= spec.maxSamples) {
    return end('UNDECIDED', `nothing was proven within ${spec.maxSamples} pairs, so the champion stays: ${loss}`);
  }
  if (seen.now.getTime() - startedAt.getTime() < spec.maxSeconds * 1000)
    return { phase: 'Running', startedAt, reading };
  return reading.pairs === 0
    ? end('BLIND', `no request could be judged within ${spec.maxSeconds} s, which says nothing about the candidate`)
    : end('UNDECIDED', `nothing was proven within ${spec.maxSeconds} s, so the champion stays: ${loss}`);
}

function conclude(
  startedAt: Date,
  finishedAt: Date,
  verdict: 'PASS' | 'FAIL' | 'UNDECIDED' | 'BLIND' | 'INVALID',
  reason: string,
  reading: ExperimentReading,
): ExperimentStatus {
  return { phase: 'Concluded', startedAt, finishedAt, verdict, reason, reading };
}

function newest(pairs: readonly EnteredPair[]): Date | null {
  return pairs.reduce<Date | null>((last, { at }) => (last === null || at > last ? at : last), null);
}

function points(fraction: number): string {
  return (100 * fraction).toFixed(2);
}
