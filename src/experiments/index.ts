export * from './domain/betting.js';
export * from './domain/enter-pairs.js';
export * from './domain/experiment.js';
export * from './domain/metric.js';
export type { PowerPlan } from './domain/power.js';
export * from './ports.js';
