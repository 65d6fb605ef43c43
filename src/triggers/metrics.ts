import { counter, gauge } from '../platform/observability/index.js';

export const openedTotal = counter({
  name: 'ratchet_triggers_opened_total',
  help: 'Triggers that were opened.',
  labels: ['model', 'cause', 'recipe'],
});

export const resolvedTotal = counter({
  name: 'ratchet_triggers_resolved_total',
  help: 'Triggers that were resolved, by what became of them.',
  labels: ['model', 'cause', 'outcome'],
});

export const decisionsTotal = counter({
  name: 'ratchet_triggers_decisions_total',
  help: 'Decisions that differed from the one before, by the row of the decision table; by-hand stands for none.',
  labels: ['model', 'action', 'cause', 'row'],
});

export const evidenceRequestsTotal = counter({
  name: 'ratchet_triggers_evidence_requests_total',
  help: 'Times that more re-scored samples were asked for because a cause was unclear.',
  labels: ['model', 'row'],
});

export const spentSeconds = gauge({
  name: 'ratchet_triggers_spent_runner_seconds',
  help: 'Runner time that triggers of a model have spent in the last 24 hours.',
  labels: ['model'],
});

export const budgetLeftSeconds = gauge({
  name: 'ratchet_triggers_budget_left_seconds',
  help: 'What is left of the budget of 24 hours: kind is runner, or gpu (seconds times GPUs).',
  labels: ['model', 'kind'],
});

export const remedySuccessRatio = gauge({
  name: 'ratchet_triggers_remedy_success_ratio',
  help: 'Chance that a remedy helps against a cause, as past outcomes and the prior of the ladder have it.',
  labels: ['model', 'cause', 'remedy'],
});

export const openTriggers = gauge({
  name: 'ratchet_triggers_open_triggers',
  help: 'Triggers of a model that are open now: 0 or 1.',
  labels: ['model'],
});
