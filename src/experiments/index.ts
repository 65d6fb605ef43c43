export * from './domain/experiment.js';
export * from './ports.js';
