export * from './passive-reconcile.module.js';
export * from './reconcile.module.js';
export * from './settings.js';
