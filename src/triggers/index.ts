export * from './domain/trigger.js';
export * from './ports.js';
