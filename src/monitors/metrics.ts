import { counter, gauge } from '../platform/observability/index.js';
import type { Finding, FindingState } from './domain/finding.js';

export const scoreRatio = gauge({
  name: 'ratchet_monitors_score_ratio',
  help: 'Score of a rate monitor as a share of its threshold; at 1 it alarms.',
  labels: ['model', 'monitor'],
});

export const thresholdCount = gauge({
  name: 'ratchet_monitors_threshold_observations',
  help: 'Threshold of a rate monitor: mean number of observations to a false alarm, at least.',
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

const OWN_GAUGE = new Map([
  ['recent_ratio', recentRatio],
  ['tolerated_ratio', toleratedRatio],
  ['threshold', thresholdCount],
]);

/** Shows a finding as it was saved. */
export function showFinding(finding: Finding): void {
  const { model, monitor } = finding;
  for (const state of STATES) findingState.set({ model, monitor, state }, state === finding.state ? 1 : 0);
  const values = new Map(
    finding.evidence.flatMap(({ name, value }) => (value === null ? [] : [[name, value] as const])),
  );
  for (const [name, value] of values) {
    if (name === 'score') scoreRatio.set({ model, monitor }, value / (values.get('threshold') ?? Infinity));
    else if (OWN_GAUGE.has(name)) OWN_GAUGE.get(name)?.set({ model, monitor }, value);
    else evidenceValue.set({ model, monitor, evidence: name }, value);
  }
}
