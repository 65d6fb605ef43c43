export type { PrometheusAnswer, PrometheusSample } from './answer.js';
export * from './client.js';
export * from './errors.js';
export * from './prometheus.module.js';
export * from './promql.js';
export * from './settings.js';
