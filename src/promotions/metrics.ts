import { counter, gauge } from '../platform/observability/index.js';

export const promotionsTotal = counter({
  name: 'ratchet_promotions_total',
  help: 'Attempts to change a champion, by how they ended and the stage that decided.',
  labels: ['outcome', 'decided_by'],
});

export const budgetRemainingRatio = gauge({
  name: 'ratchet_promotions_quality_budget_remaining_ratio',
  help: 'Loss against the reference that the next promotion may still cost, as a fraction.',
  labels: ['model'],
});
