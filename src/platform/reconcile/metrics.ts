import { counter, histogram } from '../observability/index.js';

export const passesTotal = counter({
  name: 'ratchet_reconcile_passes_total',
  help: 'Reconcile passes by kind and how they ended.',
  labels: ['kind', 'result'],
});

export const passSeconds = histogram({
  name: 'ratchet_reconcile_pass_seconds',
  help: 'Duration of reconcile passes.',
  labels: ['kind'],
  buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
});

export const waitSeconds = histogram({
  name: 'ratchet_reconcile_wait_seconds',
  help: 'How long passes were due before they began; grows when the work queue falls behind.',
  labels: ['kind'],
  buckets: [0.01, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300],
});

export const factsTotal = counter({
  name: 'ratchet_reconcile_facts_total',
  help: 'Facts by name and whether their delivery succeeded.',
  labels: ['fact', 'result'],
});
