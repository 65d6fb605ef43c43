export * from './audit.module.js';
export * from './audit-reader.js';
export * from './chain.js';
export * from './persistence.js';
