import { counter, gauge, histogram } from '../platform/observability/index.js';
import { ANSWERS_SERIES, LATENCY_BOUNDS, LATENCY_SERIES } from './domain/gate-series.js';

/** Rows answered, by model, arm, version and outcome (`ok`, `runtime`, `timeout`, `overloaded`). */
export const answersTotal = counter({
  name: ANSWERS_SERIES,
  help: 'Rows answered by the gateway.',
  labels: ['model', 'arm', 'version', 'outcome'],
});

export const requestSeconds = histogram({
  name: LATENCY_SERIES,
  help: 'Time from a valid request to its answer, waiting included.',
  labels: ['model', 'arm', 'version'],
  buckets: LATENCY_BOUNDS,
});

/** Rows mirrored, by outcome (`ok`, `failed`, `skipped` because the queue was full). */
export const mirroredTotal = counter({
  name: 'ratchet_serving_mirrored_total',
  help: 'Rows whose copy went, or should have gone, to the mirror.',
  labels: ['model', 'outcome'],
});

/** Request keys whose arm an experiment records, by outcome (`recorded`, `shed` because too many waited). */
export const exposuresTotal = counter({
  name: 'ratchet_serving_exposures_total',
  help: 'Request keys whose arm was, or should have been, recorded for an experiment.',
  labels: ['outcome'],
});

export const queueDepth = gauge({
  name: 'ratchet_serving_queue_requests',
  help: 'Requests that wait for an ONNX Runtime thread.',
  labels: ['engine'],
});

export const workerRestartsTotal = counter({
  name: 'ratchet_serving_worker_restarts_total',
  help: 'ONNX Runtime threads that died or hung and were replaced.',
  labels: ['engine'],
});

export const epochInForce = gauge({
  name: 'ratchet_serving_epoch_info',
  help: 'Epoch of the route that this gateway has in force; 0 when the wanted one cannot be loaded.',
  labels: ['model'],
});

export const swapsTotal = counter({
  name: 'ratchet_serving_swaps_total',
  help: 'Routes put in force.',
  labels: ['model'],
});

export const syncFailuresTotal = counter({
  name: 'ratchet_serving_sync_failures_total',
  help: 'Passes in which a gateway could not read its routes (`store`) or load a version (`version`).',
  labels: ['cause'],
});
