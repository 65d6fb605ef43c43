export * from './system-clock.js';
export * from './uuid-ids.js';
