export * from './config.module.js';
export * from './environment.js';
export * from './parse-settings.js';
export * from './settings-group.js';
export * from './settings-reference.js';
