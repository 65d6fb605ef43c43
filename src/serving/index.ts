export * from './domain/answer.js';
export * from './domain/default-route.js';
export * from './domain/errors.js';
export * from './domain/features.js';
export * from './domain/prediction.js';
export * from './domain/route.js';
export * from './domain/split.js';
export * from './ports.js';
