export * from './domain/observation.js';
export * from './domain/window.js';
export * from './ports.js';
