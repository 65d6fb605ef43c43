export * from './domain/rollout.js';
export * from './ports.js';
