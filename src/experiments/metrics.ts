import { counter, gauge } from '../platform/observability/index.js';
import type { ExperimentReading, ExperimentSpec } from './domain/experiment.js';

export const experimentsConcluded = counter({
  name: 'ratchet_experiments_concluded_total',
  help: 'Experiments that ended, by verdict.',
  labels: ['model', 'verdict'],
});

export const pairsEntered = counter({
  name: 'ratchet_experiments_entered_pairs_total',
  help: 'Pairs that entered a test, by what decided which side was right.',
  labels: ['model', 'truth'],
});

const wealth = gauge({
  name: 'ratchet_experiments_wealth_ratio',
  help: 'e-value of a claim about a metric of the running or last experiment, as a share of what proves it: proven at 1.',
  labels: ['model', 'metric', 'claim'],
});

const samples = gauge({
  name: 'ratchet_experiments_metric_samples',
  help: 'Pairs, or requests of the smaller arm, that a metric of the running or last experiment rests on.',
  labels: ['model', 'metric'],
});

const pairsSeen = gauge({
  name: 'ratchet_experiments_test_pairs',
  help: 'Pairs, or judged requests of the smaller arm, of the running or last experiment.',
  labels: ['model'],
});

const progress = gauge({
  name: 'ratchet_experiments_plan_ratio',
  help: 'Samples of the running or last experiment as a share of what its plan needs for an equal candidate.',
  labels: ['model'],
});

const exposures = gauge({
  name: 'ratchet_experiments_exposed_keys',
  help: 'Request keys that came to an arm of the running or last live experiment, each once.',
  labels: ['model', 'arm'],
});

const mismatch = gauge({
  name: 'ratchet_experiments_sample_ratio_mismatch_ratio',
  help: 'e-value that the arms were not filled as planned; an alarm at 1000.',
  labels: ['model'],
});

/** Shows where an experiment stands. */
export function showReading(model: string, spec: ExperimentSpec, reading: ExperimentReading): void {
  for (const metric of reading.metrics) {
    const of = { model, metric: metric.name };
    wealth.set({ ...of, claim: 'non-inferior' }, metric.wealthPass / metric.proofAt);
    wealth.set({ ...of, claim: 'harm' }, metric.wealthFail / metric.proofAt);
    samples.set(of, metric.samples);
  }
  pairsSeen.set({ model }, reading.pairs);
  if (spec.plan?.samples != null) progress.set({ model }, reading.pairs / Math.max(1, spec.plan.samples));
  const { exposure } = reading;
  if (exposure === null) return;
  exposures.set({ model, arm: 'champion' }, exposure.champion);
  exposures.set({ model, arm: 'candidate' }, exposure.candidate);
  mismatch.set({ model }, exposure.mismatch);
}
