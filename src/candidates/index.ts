export * from './domain/candidate.js';
export * from './ports.js';
