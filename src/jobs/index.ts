export type { Occupancy } from './domain/admission.js';
export * from './domain/attempt.js';
export * from './domain/errors.js';
export * from './domain/job.js';
export * from './domain/report.js';
export * from './ports.js';
