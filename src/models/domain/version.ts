import type { Digest } from '../../kernel/index.js';

/** One immutable ONNX artifact of a model, with where it came from. */
export interface Version {
  readonly digest: Digest;
  readonly model: string;
  /** `reference`: full precision, quality is measured against it. `compressed`: wants to serve in its place. */
  readonly kind: 'reference' | 'compressed';
  /** What it was made from. */
  readonly parent: Digest | null;
  /** The reference that its quality is charged against; its own digest for a reference. */
  readonly reference: Digest;
  readonly recipe: string | null;
  /** Digest of the data snapshot its job read. */
  readonly snapshot: Digest | null;
  /** The frozen samples that its job read and that it is to be judged on; absent for versions that no job made. */
  readonly data?: VersionData;
  readonly job: string | null;
  readonly sizeBytes: number;
  readonly createdAt: Date;
}

/** Digests and sizes of the two files of a snapshot. */
export interface VersionData {
  readonly train: { readonly digest: Digest; readonly rows: number; readonly labelled: number };
  readonly holdout: { readonly digest: Digest; readonly rows: number; readonly labelled: number };
}

/** What is known of a champion's quality at the moment it was promoted; the monitors' null hypothesis. */
export interface QualityProfile {
  /** Share of right answers, with the number of labelled answers behind it. */
  readonly accuracy: number | null;
  readonly labelled: number;
  /** Share of answers equal to the reference's, with the number of comparisons behind it. */
  readonly agreement: number | null;
  readonly compared: number;
  /** Share of right answers of the reference on the same data. */
  readonly referenceAccuracy: number | null;
}

/** One period in which one version served as champion. Periods of a model do not overlap and leave no gap. */
export interface ChampionPeriod {
  readonly model: string;
  readonly champion: Digest;
  readonly reference: Digest;
  readonly from: Date;
  /** null while it serves. */
  readonly until: Date | null;
  /** The promotion that began it; null for the reference that serves first. */
  readonly promotion: string | null;
  readonly profile: QualityProfile;
}
