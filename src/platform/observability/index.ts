export * from './log.js';
export * from './metrics.js';
export * from './readiness.js';
export * from './settings.js';
