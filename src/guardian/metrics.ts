import { counter, gauge } from '../platform/observability/index.js';

export const revertsTotal = counter({
  name: 'ratchet_guardian_reverts_total',
  help: 'Routes whose traffic was given back because nobody confirmed the weight in time.',
  labels: ['kind'],
});

export const failuresTotal = counter({
  name: 'ratchet_guardian_failures_total',
  help: 'Attempts to give traffic back that did not work; each is made again.',
  labels: ['kind', 'cause'],
});

export const watchedLeases = gauge({
  name: 'ratchet_guardian_watched_leases',
  help: 'Routes with a weight that somebody has to confirm.',
  labels: ['kind'],
});

export const clockAheadSeconds = gauge({
  name: 'ratchet_guardian_clock_ahead_seconds',
  help: 'How far the clock of the API server, by which leases are judged, is ahead of ours.',
});
