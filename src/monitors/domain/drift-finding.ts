import type { Evidence } from '../../kernel/index.js';
import type { MonitorPolicy } from '../../models/index.js';
import { CUSTOMARY } from './detectors/distances.js';
import { BASELINE_MISS } from './detectors/shift-design.js';
import type { DriftDesign, DriftMonitorState } from './drift-monitor.js';
import { type Score, type Statement, undecided } from './statement.js';

const MEASURES = [
  'psi',
  'jensenShannon',
  'kolmogorovSmirnov',
  'ksPValue',
  'wasserstein',
  'wassersteinStd',
] as const satisfies readonly string[];

/** What a drift monitor states now; `design` null = no baseline is frozen yet. */
export function stateDrift(
  what: 'input' | 'prediction',
  state: DriftMonitorState,
  design: DriftDesign | null,
  policy: MonitorPolicy,
): Statement {
  if (design === null)
    return undecided(
      `The baseline is still being taken: it needs ${policy.minimumSamples} answers.`,
      'It raises no alarm before there is a baseline.',
    );
  const falseAlarm = promise(design, policy);
  const { last, alarm } = state;
  if (last === null)
    return undecided(`${state.answers} answers since the baseline; a look needs ${policy.minimumSamples}.`, falseAlarm);
  const evidence = evidenceOf(what, state, design, policy);
  const common = { evidence, scores: scoresOf(state, policy), falseAlarm, changeAt: null, level: null };
  const looked = Object.values(last.features);
  if (looked.length === 0)
    return { ...common, state: 'undecided', explanation: 'No feature has the bins that its baseline has.' };
  if (alarm === null) {
    const largest = Math.max(...looked.map((distances) => distances.psi));
    const explanation = `The newest ${last.requests} answers show no shift of the ${what}s (largest PSI ${largest.toFixed(2)}).`;
    return { ...common, state: 'calm', explanation };
  }
  const shifted = alarm.map(({ feature, direction }) => {
    const psi = last.features[feature]?.psi;
    return `${feature} (${inWords(direction, design, feature)}${psi === undefined ? '' : `, PSI ${psi.toFixed(2)}`})`;
  });
  const explanation = `The ${what}s have shifted against the baseline: ${shifted.join(', ')}.`;
  return { ...common, state: 'alarm', explanation };
}

function promise({ leastShift, features }: DriftDesign, policy: MonitorPolicy): string {
  const every = policy.falseAlarmEvery.toLocaleString('en-US');
  const ranks = Number((leastShift * 100).toFixed(2));
  return (
    `P(false alarm within n answers) is at most 1.03·n/${every} + ${BASELINE_MISS} over all ${Object.keys(features).length} features together, ` +
    `whatever the size of the baseline and however often one looks; a mean rank that moves by less than ${ranks} of 100, ` +
    `or a share by less than ${ranks / 2} points, does not count.`
  );
}

/** `bin 3` says little: the class, or the interval, says more. */
function inWords(direction: string, { baseline }: DriftDesign, feature: string): string {
  const counts = baseline.features[feature];
  const bin = /^bin (\d+)$/.exec(direction)?.[1];
  if (counts === undefined || bin === undefined) return direction;
  const index = Number(bin);
  if (counts.bins.length === counts.counts.length)
    return index < counts.bins.length ? `more of ${String(counts.bins[index])}` : 'names that the baseline lacks';
  const [from, to] = [counts.bins[index - 1], counts.bins[index]];
  if (from === undefined) return `more below ${String(to)}`;
  return to === undefined ? `more from ${String(from)} up` : `more from ${String(from)} to ${String(to)}`;
}

/** What decides: the joint score; a feature's own decides alone where it is the number of features times as large. */
function scoresOf({ score, evidence }: DriftMonitorState, { falseAlarmEvery }: MonitorPolicy): Score[] {
  const features = Object.entries(evidence);
  const single = features.map(([feature, own]) => ({
    name: `${feature}.score`,
    score: own.score,
    threshold: features.length * falseAlarmEvery,
  }));
  return [{ name: 'score', score, threshold: falseAlarmEvery }, ...single];
}

function evidenceOf(what: string, state: DriftMonitorState, design: DriftDesign, policy: MonitorPolicy): Evidence[] {
  const newestAt = state.last === null ? null : new Date(state.last.at);
  const entry = (name: string, value: number | null, samples: number): Evidence => ({
    name,
    value,
    samples,
    newestAt,
    series: 1,
    warnings: [],
    query: `${what} histograms against the frozen baseline`,
  });
  const joint = [
    entry('score', state.score, state.answers),
    entry('threshold', policy.falseAlarmEvery, state.answers),
    entry('least_shift', design.leastShift, state.answers),
    ...Object.entries(CUSTOMARY).map(([name, value]) => entry(`customary.${name}`, value, 0)),
  ];
  const single = Object.entries(state.evidence).flatMap(([feature, { score }]) => {
    const distances = state.last?.features[feature];
    const block = state.last?.requests ?? 0;
    return [
      entry(`${feature}.score`, score, state.answers),
      ...MEASURES.flatMap((name) => {
        const value = distances?.[name] ?? null;
        return value === null ? [] : [entry(`${feature}.${name}`, value, block)];
      }),
    ];
  });
  return [...joint, ...single];
}
