export * from './domain/errors.js';
export * from './domain/facts.js';
export { ALARMING_MONITORS, contractInWords } from './domain/false-alarm-contract.js';
export * from './domain/model.js';
export * from './domain/version.js';
export * from './ports.js';
