export * from './domain/finding.js';
export * from './ports.js';
