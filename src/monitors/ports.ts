import type { Digest } from '../kernel/index.js';
import type { Finding } from './domain/finding.js';

/** The latest finding of each monitor. */
export abstract class FindingStore {
  /** Findings about one version. */
  abstract list(model: string, version: Digest): Promise<Finding[]>;
  /** Upserts by (model, version, monitor); publishes `FindingChanged` when the state differs from the stored one. */
  abstract save(finding: Finding): Promise<void>;
}
