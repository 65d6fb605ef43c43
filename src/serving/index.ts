export * from './domain/answer.js';
export * from './domain/route.js';
export * from './ports.js';
