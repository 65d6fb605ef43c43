import { counter, gauge } from '../platform/observability/index.js';
import { type FindingState, type MonitorName, MONITORS } from './domain/finding.js';
import type { Score, Statement } from './domain/statement.js';

export const ruleScore = gauge({
  name: 'ratchet_monitors_score',
  help: 'Score of one rule of a monitor, in the unit of its threshold; the rule fires when it reaches that.',
  labels: ['model', 'monitor', 'name'],
});

export const ruleThreshold = gauge({
  name: 'ratchet_monitors_threshold',
  help: 'Threshold of one rule of a monitor.',
  labels: ['model', 'monitor', 'name'],
});

export const scoreRatio = gauge({
  name: 'ratchet_monitors_score_ratio',
  help: 'Largest score of a monitor as a share of its threshold; at 1 one of its rules fires.',
  labels: ['model', 'monitor'],
});

export const recentRatio = gauge({
  name: 'ratchet_monitors_recent_ratio',
  help: 'Recent level of the rate that a monitor watches.',
  labels: ['model', 'monitor'],
});

export const toleratedRatio = gauge({
  name: 'ratchet_monitors_tolerated_ratio',
  help: 'Rate that a monitor tolerates.',
  labels: ['model', 'monitor'],
});

export const evidenceValue = gauge({
  name: 'ratchet_monitors_evidence_value',
  help: 'Every other figure a finding rests on: effect sizes, p-values, latencies and ceilings, in the unit its name states.',
  labels: ['model', 'monitor', 'evidence'],
});

export const findingState = gauge({
  name: 'ratchet_monitors_finding_state',
  help: '1 for the state that a monitor is in, 0 for the others.',
  labels: ['model', 'monitor', 'state'],
});

export const wishedSamples = gauge({
  name: 'ratchet_monitors_wished_samples',
  help: 'Samples a pass that somebody wishes to be re-scored at least; 0 when nobody does.',
  labels: ['model'],
});

export const rescoredTotal = counter({
  name: 'ratchet_monitors_rescored_samples_total',
  help: 'Sampled answers that the reference scored again.',
  labels: ['model'],
});

export const rescoreFailuresTotal = counter({
  name: 'ratchet_monitors_rescore_failures_total',
  help: 'Batches that the reference could not score.',
  labels: ['model'],
});

const STATES: readonly FindingState[] = ['calm', 'alarm', 'undecided'];

/** The part of a gauge that is used here, whatever its labels are. */
interface Shown {
  set(labels: Record<string, string>, value: number): void;
  remove(labels: Record<string, string>): void;
}

/** Series on show by model, so that those that are no longer stated are taken away. */
const shown = new Map<string, Map<string, () => void>>();

/** Shows what was saved about the champion of a model, and takes away whatever was stated before and is not any more. */
export function showStatements(
  { model }: { readonly model: string },
  statements: ReadonlyMap<MonitorName, Statement>,
): void {
  const before = shown.get(model) ?? new Map<string, () => void>();
  const now = new Map<string, () => void>();
  const show = (name: string, gauges: Shown, labels: Record<string, string>, value: number): void => {
    gauges.set(labels, value);
    now.set(`${name} ${JSON.stringify(labels)}`, () => {
      gauges.remove(labels);
    });
  };
  for (const monitor of MONITORS) {
    const statement = statements.get(monitor);
    if (statement !== undefined) showStatement(show, { model, monitor }, statement);
  }
  for (const [series, remove] of before) if (!now.has(series)) remove();
  shown.set(model, now);
}

/** Takes away everything that was shown of a model. */
export function forgetFindings(model: string): void {
  for (const remove of shown.get(model)?.values() ?? []) remove();
  shown.delete(model);
  wishedSamples.remove({ model });
}

type Show = (name: string, gauges: Shown, labels: Record<string, string>, value: number) => void;

function showStatement(show: Show, labels: { model: string; monitor: MonitorName }, statement: Statement): void {
  for (const state of STATES) show('state', findingState, { ...labels, state }, state === statement.state ? 1 : 0);
  const scores = scoresOf(statement);
  for (const { name, score, threshold } of scores) {
    show('score', ruleScore, { ...labels, name }, score);
    show('threshold', ruleThreshold, { ...labels, name }, threshold);
  }
  const deciding = statement.scores ?? scores;
  if (deciding.length > 0) {
    const ratio = Math.max(...deciding.map(({ score, threshold }) => (threshold > 0 ? score / threshold : 0)));
    show('ratio', scoreRatio, labels, ratio);
  }
  for (const { name, value } of statement.evidence) {
    if (value === null || name === 'score' || name === 'threshold') continue;
    if (name === 'recent_ratio') show('recent', recentRatio, labels, value);
    else if (name === 'tolerated_ratio') show('tolerated', toleratedRatio, labels, value);
    else show('evidence', evidenceValue, { ...labels, evidence: name }, value);
  }
}

/**
 * The rules of a statement: as it names them, else its evidence `score` and `threshold`. Of drift also each distance that
 * has a customary limit, beside that.
 */
export function scoresOf({ scores, evidence }: Statement): readonly Score[] {
  const values = new Map(evidence.flatMap(({ name, value }) => (value === null ? [] : [[name, value] as const])));
  const [score, threshold] = [values.get('score'), values.get('threshold')];
  const named = scores ?? (score === undefined || threshold === undefined ? [] : [{ name: 'score', score, threshold }]);
  const customary = [...values].flatMap(([name, value]) => {
    const limit = values.get(`customary.${name.slice(name.lastIndexOf('.') + 1)}`);
    return limit === undefined || name.startsWith('customary.') ? [] : [{ name, score: value, threshold: limit }];
  });
  return [...named, ...customary];
}
