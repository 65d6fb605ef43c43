import { counter, gauge, histogram } from '../observability/index.js';

export const kubernetesRequestsTotal = counter({
  name: 'ratchet_kubernetes_requests_total',
  help: 'Requests to the API server, by what came of them: ok, conflict, missing, forbidden, refused, unavailable.',
  labels: ['verb', 'resource', 'result'],
});

export const kubernetesRequestSeconds = histogram({
  name: 'ratchet_kubernetes_request_seconds',
  help: 'How long the API server took to answer.',
  labels: ['verb'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
});

export const informerRestartsTotal = counter({
  name: 'ratchet_kubernetes_informer_restarts_total',
  help: 'Times that a watch had to begin anew out of turn, by cause: gone, closed, unavailable, refused, silent.',
  labels: ['resource', 'cause'],
});

export const informerListedTimestamp = gauge({
  name: 'ratchet_kubernetes_informer_listed_timestamp_seconds',
  help: 'When what is watched was last listed completely, in seconds since 1970.',
  labels: ['resource'],
});

export const watchGarbageTotal = counter({
  name: 'ratchet_kubernetes_watch_garbage_total',
  help: 'Lines of a watch that could not be read; the next list makes up for them.',
  labels: ['resource'],
});
