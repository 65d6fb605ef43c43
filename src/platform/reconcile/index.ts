export * from './reconcile.module.js';
export * from './settings.js';
