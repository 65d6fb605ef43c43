import { counter, histogram } from '../observability/index.js';

/** Queries by outcome: `ok`, `bad-query`, `not-executed`, or a failure (`timeout`, `unreachable`, `server`, …). */
export const queriesTotal = counter({
  name: 'ratchet_prometheus_queries_total',
  help: 'Queries that this process asked Prometheus.',
  labels: ['outcome'],
});

export const querySeconds = histogram({
  name: 'ratchet_prometheus_query_seconds',
  help: 'Time from a query to its answer or failure.',
  buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
});
