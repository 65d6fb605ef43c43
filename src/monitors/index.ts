export * from './domain/evidence-wish.js';
export * from './domain/finding.js';
export * from './domain/rate-bounds.js';
export { TOLERATED_RATE } from './domain/rate-finding.js';
export * from './domain/watch.js';
export { BaselineStore, DetectorStore, EvidenceRequests, FindingStore, RescoreLedger } from './ports.js';
