export * from './domain/rollout.js';
export * from './domain/routes/lease.js';
export * from './domain/routes/route-kinds.js';
export * from './ports.js';
