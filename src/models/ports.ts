import type { Digest, Fault } from '../kernel/index.js';
import type { Model, ModelSpec } from './domain/model.js';
import type { ChampionPeriod, QualityProfile, Version, VersionData } from './domain/version.js';

/** Models by name. */
export abstract class ModelStore {
  abstract find(name: string): Promise<Model | null>;
  /** @throws NotFound */
  abstract require(name: string): Promise<Model>;
  abstract list(): Promise<Model[]>;
  /** Inserts (revision 0) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(model: Model): Promise<Model>;
}

/** Versions by model and digest; immutable. */
export abstract class VersionCatalog {
  /** Idempotent: registering the same version again is a no-op. Publishes `VersionRegistered` the first time. */
  abstract register(version: Version): Promise<void>;
  abstract find(model: string, digest: Digest): Promise<Version | null>;
  /** Newest first. */
  abstract list(model: string): Promise<Version[]>;
}

/** Who served when. */
export abstract class ChampionHistory {
  abstract current(model: string): Promise<ChampionPeriod | null>;
  /** The period that contains `at`, or null before the first one. */
  abstract servingAt(model: string, at: Date): Promise<ChampionPeriod | null>;
  /** Newest first. */
  abstract list(model: string): Promise<ChampionPeriod[]>;
  /**
   * Ends the current period and begins the next in the current unit of work; publishes `ChampionChanged`.
   * Idempotent by `promotion`.
   */
  abstract begin(period: {
    readonly model: string;
    readonly champion: Digest;
    readonly reference: Digest;
    readonly promotion: string | null;
    readonly profile: QualityProfile;
    readonly at: Date;
  }): Promise<void>;
}

/** Content-addressed artifacts; a digest always means the same bytes. */
export abstract class ArtifactStore {
  /** Stores the file's bytes (copy, fsync, rename) and returns their digest. Idempotent. @throws ArtifactTooLarge */
  abstract putFile(path: string): Promise<{ readonly digest: Digest; readonly sizeBytes: number }>;
  abstract putBytes(bytes: Uint8Array): Promise<{ readonly digest: Digest; readonly sizeBytes: number }>;
  /**
   * Path of the artifact after its sha256 was verified afresh; the file is read-only.
   * @throws NotFound @throws ArtifactCorrupt when the bytes no longer match the digest
   */
  abstract verifiedPath(digest: Digest): Promise<string>;
  abstract exists(digest: Digest): Promise<boolean>;
}

/**
 * Bytes that somebody sent and that are no artifacts yet, in areas that go away as a whole; artifacts never do. They lie
 * beside the artifacts, so that whoever sees those sees these: every process of an installation, on whatever machine.
 */
export abstract class ArtifactStaging {
  /** A store of its own, with the bounds of the real one; it begins empty and costs nothing before something is put in. */
  abstract area(name: string): ArtifactStore;
  /** Removes everything of an area. Idempotent. */
  abstract remove(name: string): Promise<void>;
}

/**
 * At most one change of what serves a model is under way at a time. The holder is a trigger's or a manual submission's
 * id; it is held from the first experiment to the end of the rollout.
 */
export abstract class ChangeLock {
  /** True when `holder` has it now (also when it had it already). */
  abstract acquire(model: string, holder: string): Promise<boolean>;
  /** No-op when `holder` does not have it. */
  abstract release(model: string, holder: string): Promise<void>;
  abstract holder(model: string): Promise<string | null>;
}

/** What a new version is made of; `path` is a file that nobody writes to any more. */
export interface RegistrationRequest {
  readonly model: string;
  readonly path: string;
  readonly kind: Version['kind'];
  readonly parent: Digest | null;
  /** null only for a reference, which is its own. */
  readonly reference: Digest | null;
  readonly recipe: string | null;
  readonly snapshot: Digest | null;
  readonly data?: VersionData;
  readonly job: string | null;
}

/** The one way into the catalog: nothing is registered that was not looked at. */
export abstract class VersionRegistration {
  /**
   * Checks the file against the model's document, stores it and registers the version. Idempotent by digest: the same
   * bytes again give the version that is there, whatever made them.
   * @throws NotAnOnnxModel @throws ExternalDataRefused @throws CustomOperatorRefused @throws ContractMismatch
   * @throws ArtifactTooLarge @throws NotFound when there is no such model
   */
  abstract registerFile(request: RegistrationRequest): Promise<Version>;
}

/** Looks into a model file before anything is loaded from it. */
export abstract class ModelAdmission {
  /**
   * Resolves with the file's size when it is a whole ONNX model with these inputs and outputs, its data inside, and
   * known operators.
   * @throws NotAnOnnxModel @throws ExternalDataRefused @throws CustomOperatorRefused @throws ContractMismatch
   */
  abstract check(path: string, contract: Pick<ModelSpec, 'input' | 'output'>): Promise<{ readonly sizeBytes: number }>;
}

/** Faults of a model's spec that only a stage downstream can know; paths are those of the document. Empty = none. */
export type DocumentRule = (spec: ModelSpec, name: string) => Promise<readonly Fault[]>;

/** What stages downstream have to say about a document before it is applied; `models` knows none of them. */
export abstract class DocumentRules {
  /** Call it while the module initialises. */
  abstract register(rule: DocumentRule): void;
  /** The faults of all rules, in the order of registration. Rejects when a rule cannot tell: not knowing is not "none". */
  abstract faults(spec: ModelSpec, name: string): Promise<Fault[]>;
}
