export * from './domain/observation.js';
export * from './domain/output-pair.js';
export * from './domain/moments.js';
export * from './domain/window.js';
export * from './domain/event.js';
export * from './domain/errors.js';
export * from './domain/latency-sketch.js';
export * from './ports.js';
