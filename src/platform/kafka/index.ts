export * from './create-client.js';
export * from './errors.js';
export * from './explain.js';
export * from './kafka.module.js';
export * from './settings.js';
export * from './topics.js';
