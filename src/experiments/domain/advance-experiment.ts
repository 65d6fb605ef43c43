import { assertNever, type Digest, type Verdict } from '../../kernel/index.js';
import type { Experiment, ExperimentReading, ExperimentSpec, ExperimentStatus, PairSource } from './experiment.js';
import { overall } from './metric.js';
import { MISMATCH_ALPHA } from './ratio-mismatch.js';
import { lackOf } from './traffic-state.js';

export interface ExperimentObservation {
  readonly championNow: Digest | null;
  /** The version that the route gives to everybody whom it does not give the candidate; null without a route. */
  readonly stableNow: Digest | null;
  /** Whether this candidate holds the model's change lock now. */
  readonly locked: boolean;
  /** Where the tests stand; null while nothing was looked at. */
  readonly reading: ExperimentReading | null;
  /** Requests of this model in the last minutes; null = not looked at. */
  readonly requests: number | null;
  readonly source?: PairSource;
  readonly now: Date;
}

export const NOTHING_READ: ExperimentReading = {
  ...{ pairs: 0, discordant: 0, difference: 0, wealthNonInferior: 1, wealthHarm: 1 },
  ...{ newestAt: null, metrics: [], exposure: null },
};

/** Why an experiment cannot give an answer at all, or null; what it asks is wrong whatever the data say. */
export function invalidity({ spec }: Experiment, championNow: Digest | null): string | null {
  if (championNow === spec.candidateVersion) return 'the candidate serves as champion already';
  if (championNow !== null && championNow !== spec.champion) {
    return 'the champion has changed since the candidate was evaluated against it';
  }
  return spec.objection;
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
      return fromRunning(experiment, status, seen);
    default:
      return assertNever(status);
  }
}

function fromWaiting(experiment: Experiment, seen: ExperimentObservation): ExperimentStatus {
  const invalid = invalidity(experiment, seen.championNow);
  if (invalid !== null) {
    const ended = { startedAt: seen.now, finishedAt: seen.now, reading: NOTHING_READ };
    return { phase: 'Concluded', verdict: 'INVALID', reason: invalid, ...ended };
  }
  if (seen.championNow === null || seen.stableNow !== seen.championNow) {
    return { phase: 'Waiting', reason: 'the data plane does not serve the champion yet' };
  }
  if (!seen.locked) return { phase: 'Waiting', reason: 'another change of this model is under way' };
  const source = experiment.spec.mode === 'shadow' ? { source: seen.source ?? 'mirror' } : {};
  return { phase: 'Running', startedAt: seen.now, reading: NOTHING_READ, reason: null, ...source };
}

type Running = Extract<ExperimentStatus, { phase: 'Running' }>;

function fromRunning(experiment: Experiment, status: Running, seen: ExperimentObservation): ExperimentStatus {
  const { spec } = experiment;
  const { startedAt } = status;
  const reading = seen.reading ?? status.reading;
  const end = (verdict: Verdict, reason: string): ExperimentStatus => ({
    ...{ phase: 'Concluded', startedAt, finishedAt: seen.now, verdict, reason, reading },
  });
  const invalid = invalidity(experiment, seen.championNow);
  if (invalid !== null) return end('INVALID', invalid);
  const mismatch = mismatchOf(spec, reading);
  if (mismatch !== null) return end('BLIND', mismatch);
  const proven = overall(reading.metrics);
  if (proven !== null) return end(proven, proven === 'PASS' ? passReason(spec, reading) : failReason(spec, reading));
  if (reading.pairs >= spec.maxSamples)
    return end(
      'UNDECIDED',
      `nothing was proven within ${spec.maxSamples} ${samplesName(spec)}, so the champion stays: ${measured(spec, reading)}`,
    );
  const elapsed = (seen.now.getTime() - startedAt.getTime()) / 1000;
  const reason = lackOf(spec, reading, elapsed, seen.requests);
  if (elapsed < spec.maxSeconds) return { ...status, reading, reason, ...sourceOf(status, seen) };
  return end(...whenTimeIsOver(spec, reading, reason));
}

/** Too few samples are the traffic's fault, and say nothing about the candidate. */
function whenTimeIsOver(
  spec: ExperimentSpec,
  reading: ExperimentReading,
  lack: string | null,
): ['BLIND' | 'UNDECIDED', string] {
  const within = `within ${spec.maxSeconds} s`;
  if (reading.pairs === 0)
    return ['BLIND', `no request could be judged ${within}, which says nothing about the candidate`];
  const difference = measured(spec, reading);
  if (spec.plan?.samples != null && reading.pairs < spec.plan.samples)
    return ['BLIND', `${lack ?? 'too little traffic'}; that says nothing about the candidate: ${difference}`];
  return ['UNDECIDED', `nothing was proven ${within}, so the champion stays: ${difference}`];
}

function sourceOf(status: Running, seen: ExperimentObservation): Pick<Running, 'source'> {
  const source = seen.source ?? status.source;
  return source === undefined ? {} : { source };
}

/** Arms that are not filled as planned compare different requests: neither verdict could be believed. */
function mismatchOf({ weight }: ExperimentSpec, { exposure }: ExperimentReading): string | null {
  if (exposure === null || exposure.mismatch < 1 / MISMATCH_ALPHA) return null;
  const { champion, candidate } = exposure;
  const share = (100 * candidate) / Math.max(1, candidate + champion);
  return `sample ratio mismatch: ${candidate} of ${candidate + champion} request keys (${share.toFixed(1)} %) came to the candidate where ${weight} % were assigned, so the arms cannot be compared (e-value ${exposure.mismatch.toPrecision(3)})`;
}

function passReason(spec: ExperimentSpec, reading: ExperimentReading): string {
  return `no worse than ${points(spec.margin)} points: ${measured(spec, reading)}${others(reading, 'PASS')}`;
}

function failReason(spec: ExperimentSpec, reading: ExperimentReading): string {
  const isQuality = reading.metrics[0]?.verdict === 'FAIL';
  const text = isQuality ? `worse by more than ${points(spec.margin)} points: ` : 'harm is proven: ';
  return `${text}${measured(spec, reading)}${others(reading, 'FAIL')}`;
}

/** Metrics beside the first one that say the same. */
function others({ metrics }: ExperimentReading, verdict: Verdict): string {
  const names = metrics.slice(1).filter((metric) => metric.verdict === verdict);
  if (names.length === 0) return '';
  return `; ${names.map(({ name, effect }) => `${name} ${verdict} (${effect === null ? '–' : effect.toPrecision(3)})`).join(', ')}`;
}

function measured(spec: ExperimentSpec, reading: ExperimentReading): string {
  return `the measured difference is ${points(reading.difference)} points over ${reading.pairs} ${samplesName(spec)}`;
}

function samplesName({ mode }: ExperimentSpec): string {
  return mode === 'live' ? 'requests of each arm' : 'pairs';
}

function points(fraction: number): string {
  return (100 * fraction).toFixed(2);
}
