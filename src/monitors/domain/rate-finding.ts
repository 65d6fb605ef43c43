import type { Evidence } from '../../kernel/index.js';
import type { MonitorPolicy } from '../../models/index.js';
import { changePoint, score } from './e-detector.js';
import type { MonitorName } from './finding.js';
import {
  LIMIT_MISS,
  observationCount,
  type RateMonitorState,
  recentLevel,
  type ToleratedRate,
} from './rate-monitor.js';
import type { Statement } from './statement.js';

type RateMonitorName = Extract<MonitorName, 'accuracy' | 'reference-accuracy' | 'fidelity'>;

const SUBJECTS: Record<RateMonitorName, { readonly many: string; readonly bad: string; readonly query: string }> = {
  accuracy: { many: 'labelled answers', bad: 'were wrong', query: 'labelled answers of the champion' },
  'reference-accuracy': {
    many: 'labelled answers that the reference scored again',
    bad: 'the reference gets wrong',
    query: 'labelled re-scored samples',
  },
  fidelity: {
    many: 'answers that the reference scored again',
    bad: 'differ from the reference',
    query: 're-scored samples',
  },
};

/** Name of the evidence that holds a rate monitor's p0. */
export const TOLERATED_RATE = 'tolerated_ratio';

/** What a rate monitor states now. */
export function stateRate(monitor: RateMonitorName, state: RateMonitorState, policy: MonitorPolicy): Statement {
  const level = recentLevel(state);
  const common = { evidence: evidenceOf(monitor, state), falseAlarm: promise(state.limit, policy), level };
  const subject = SUBJECTS[monitor];
  const count = observationCount(state);
  if (state.limit === null || state.detector === null) {
    const explanation = `Nobody evaluated this rate, so it is taken from the first ${policy.minimumSamples} ${subject.many}; ${count} so far.`;
    return { ...common, state: 'undecided', explanation, changeAt: null };
  }
  if (count < policy.minimumSamples) {
    const explanation = `Only ${count} ${subject.many} so far; ${policy.minimumSamples} are needed.`;
    return { ...common, state: 'undecided', explanation, changeAt: null };
  }
  const recently =
    level === null
      ? ''
      : `Of the newest ${level.samples} ${subject.many} ${percent(level.value)} ${subject.bad} (${percent(level.lower)} to ${percent(level.upper)}); `;
  const tolerated = `${percent(state.limit.rate)} is tolerated`;
  if (state.detector.alarm === null)
    return { ...common, state: 'calm', explanation: `${recently}${tolerated}.`, changeAt: null };
  const changeAt = new Date(changePoint(state.detector).at);
  const explanation = `${recently}${tolerated}. The change is estimated to have begun at ${changeAt.toISOString()}.`;
  return { ...common, state: 'alarm', explanation, changeAt };
}

function evidenceOf(monitor: RateMonitorName, state: RateMonitorState): Evidence[] {
  const { limit, detector, newestAt } = state;
  const level = recentLevel(state);
  const observations = observationCount(state);
  const entry = (name: string, value: number | undefined, samples: number | undefined): Evidence => ({
    name,
    value: value ?? null,
    samples: samples ?? 0,
    newestAt: newestAt === null ? null : new Date(newestAt),
    series: 1,
    warnings: [],
    query: SUBJECTS[monitor].query,
  });
  return [
    entry('recent_ratio', level?.value, level?.samples),
    entry(TOLERATED_RATE, limit?.rate, limit?.samples),
    entry('score', detector === null ? undefined : score(detector), observations),
    entry('threshold', detector?.threshold, observations),
  ];
}

function promise(limit: ToleratedRate | null, policy: MonitorPolicy): string {
  const every = policy.falseAlarmEvery.toLocaleString('en-US');
  const base = `P(false alarm within n observations) is at most n/${every} while the rate stays within the tolerated one`;
  if (limit === null) return `${base}; none can be raised before that is known.`;
  const from =
    limit.source === 'evaluation' ? 'evaluated answers' : 'first answers after the promotion, nobody evaluated it';
  return `${base}, ${percent(limit.rate)}; with ${100 - LIMIT_MISS * 100} % confidence the stable rate does not exceed it (estimate ${percent(limit.estimate)} from ${limit.samples} ${from}).`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
