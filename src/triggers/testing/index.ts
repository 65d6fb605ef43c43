export * from './builders.js';
export * from './fakes.js';
