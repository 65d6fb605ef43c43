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
  help: 'Decisions that differed from the one before.',
  labels: ['model', 'action', 'cause'],
});

export const spentSeconds = gauge({
  name: 'ratchet_triggers_spent_runner_seconds',
  help: 'Runner time that triggers of a model have spent in the last 24 hours.',
  labels: ['model'],
});

export const openTriggers = gauge({
  name: 'ratchet_triggers_open_triggers',
  help: 'Triggers of a model that are open now: 0 or 1.',
  labels: ['model'],
});
