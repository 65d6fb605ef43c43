import type { Evidence } from '../../kernel/index.js';
import type { MonitorPolicy } from '../../models/index.js';
import { boundedMeanScore } from './detectors/bounded-mean.js';
import { changePoint } from './detectors/mixture.js';
import { MEAN_MISS, type MeanMonitorState, meanObservationCount, recentMean } from './mean-monitor.js';
import type { Statement } from './statement.js';

/** What the values of a mean monitor are. */
export interface MeanSubject {
  /** e.g. `labelled answers`. */
  readonly many: string;
  /** e.g. `the mean error`. */
  readonly what: string;
  readonly query: string;
}

export const MEAN_ERROR: MeanSubject = {
  many: 'labelled answers',
  what: 'the mean error',
  query: 'labelled answers of the champion: |prediction − label|',
};

/** What a mean monitor states now. */
export function stateMean(subject: MeanSubject, state: MeanMonitorState, policy: MonitorPolicy): Statement {
  const level = recentMean(state);
  const { scale, limit, detector } = state;
  const common = { evidence: evidenceOf(subject, state), falseAlarm: promise(state, policy), level };
  if (scale === null || limit === null || detector === null) {
    const explanation = `What ${subject.what} usually is, is learned from the first ${subject.many}; ${meanObservationCount(state)} so far.`;
    return { ...common, state: 'undecided', explanation, changeAt: null };
  }
  const scores = [{ name: 'e-detector', score: boundedMeanScore(detector), threshold: detector.threshold }];
  if (level === null || detector.observations === 0) {
    const explanation = `${capital(subject.what)} is usually ${number(limit.average * scale)}; no newer ${subject.many} yet.`;
    return { ...common, scores, state: 'undecided', explanation, changeAt: null };
  }
  const recently = `${capital(subject.what)} of the newest ${level.samples} ${subject.many} is ${number(level.value)} (${number(level.lower)} to ${number(level.upper)}); usual is ${number(limit.average * scale)}, and ${number(limit.mean * scale)} is tolerated`;
  if (detector.alarm === null) return { ...common, scores, state: 'calm', explanation: `${recently}.`, changeAt: null };
  const changeAt = new Date(changePoint(detector).at);
  const explanation = `${recently}. The change is estimated to have begun at ${changeAt.toISOString()}.`;
  return { ...common, scores, state: 'alarm', explanation, changeAt };
}

function evidenceOf(subject: MeanSubject, state: MeanMonitorState): Evidence[] {
  const { scale, limit, detector, newestAt } = state;
  const level = recentMean(state);
  const observations = meanObservationCount(state);
  const entry = (name: string, value: number | null | undefined, samples: number | undefined): Evidence => ({
    name,
    value: value ?? null,
    samples: samples ?? 0,
    newestAt: newestAt === null ? null : new Date(newestAt),
    series: 1,
    warnings: [],
    query: subject.query,
  });
  const onScale = (share: number | undefined): number | null =>
    share === undefined || scale === null ? null : share * scale;
  return [
    entry('recent_mean', level?.value, level?.samples),
    entry('usual_mean', onScale(limit?.average), limit?.samples),
    entry('tolerated_mean', onScale(limit?.mean), limit?.samples),
    entry('largest_counted', scale, observations),
    entry('score', detector === null ? null : boundedMeanScore(detector), observations),
    entry('threshold', detector?.threshold, observations),
  ];
}

function promise({ limit, scale }: MeanMonitorState, policy: MonitorPolicy): string {
  const every = policy.falseAlarmEvery.toLocaleString('en-US');
  const base = `P(false alarm within n observations) is at most n/${every} while their mean stays within the tolerated one`;
  if (limit === null || scale === null) return `${base}; none can be raised before that is known.`;
  return `${base}, values above ${number(scale)} counted as that; with ${100 - MEAN_MISS * 100} % confidence the stable mean does not exceed it (learned from ${limit.samples} observations after the promotion).`;
}

function number(value: number): string {
  return Number(value.toPrecision(4)).toString();
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
