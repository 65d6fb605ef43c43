export * from './domain/promotion.js';
export * from './ports.js';
