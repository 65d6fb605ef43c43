export * from './cluster-connection.js';
export * from './cluster-resource.js';
export * from './errors.js';
export * from './json-patch.js';
export * from './kubernetes.module.js';
export * from './resilient-informer.js';
export * from './resource-path.js';
export * from './settings.js';
