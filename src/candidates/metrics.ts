import { counter, histogram } from '../platform/observability/index.js';

export const candidatesJudgedTotal = counter({
  name: 'ratchet_candidates_judged_total',
  help: 'Candidates that were accepted or refused, by cause.',
  labels: ['verdict', 'cause'],
});

export const evaluationsTotal = counter({
  name: 'ratchet_candidates_evaluations_total',
  help: 'Evaluations by how they ended: measured, refused (not even measurable), unavailable (not the fault of the candidate).',
  labels: ['outcome'],
});

export const evaluationSeconds = histogram({
  name: 'ratchet_candidates_evaluation_seconds',
  help: 'How long one evaluation took, start of its process included.',
  buckets: [0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320],
});
