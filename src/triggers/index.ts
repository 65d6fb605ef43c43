export * from './domain/remedy.js';
export * from './domain/trigger.js';
export type { PlannedRemedy } from './domain/remedy-plan.js';
export type { OpenChange } from './domain/obstacles.js';
export * from './ports.js';
