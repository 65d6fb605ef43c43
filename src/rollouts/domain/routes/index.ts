export * from './http-route.js';
export * from './inference-service.js';
export * from './lease.js';
export * from './patch.js';
export * from './route-kinds.js';
export * from './route-sight.js';
export * from './virtual-service.js';
export * from './weighted-route.js';
