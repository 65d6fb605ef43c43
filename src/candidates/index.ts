export * from './domain/candidate.js';
export * from './domain/achievement.js';
export * from './domain/errors.js';
export * from './ports.js';
