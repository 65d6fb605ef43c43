export * from './domain/job.js';
export * from './ports.js';
