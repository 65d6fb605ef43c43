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

export const factsTotal = counter({
  name: 'ratchet_reconcile_facts_total',
  help: 'Facts by name and whether their delivery succeeded.',
  labels: ['fact', 'result'],
});
