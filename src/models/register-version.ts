import { type Clock, type Digest, RatchetError, type UnitOfWork } from '../kernel/index.js';
import { LineageRefused } from './domain/errors.js';
import type { Version } from './domain/version.js';
import { filesRefused } from './metrics.js';
import {
  type ArtifactStore,
  type ModelAdmission,
  type ModelStore,
  type RegistrationRequest,
  type VersionCatalog,
  VersionRegistration,
} from './ports.js';

/** Admission, artifact, catalog: in this order, so that nothing is stored that was refused. */
export class CheckedVersionRegistration extends VersionRegistration {
  constructor(
    private readonly models: ModelStore,
    private readonly versions: VersionCatalog,
    private readonly artifacts: ArtifactStore,
    private readonly admission: ModelAdmission,
    private readonly unitOfWork: UnitOfWork,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async registerFile(request: RegistrationRequest): Promise<Version> {
    const { spec } = await this.models.require(request.model);
    await this.admit(() => this.admission.check(request.path, spec));
    const { digest, sizeBytes } = await this.artifacts.putFile(request.path);
    const { model, kind, parent, recipe, snapshot, data, job } = request;
    const reference = await this.referenceOf(request, digest);
    return this.unitOfWork.run('models.register-file', async () => {
      const known = await this.versions.find(model, digest);
      if (known !== null) return known;
      const version = {
        digest,
        model,
        kind,
        parent,
        reference,
        recipe,
        snapshot,
        ...(data === undefined ? {} : { data }),
        job,
        sizeBytes,
        createdAt: this.clock.now(),
      };
      await this.versions.register(version);
      return version;
    });
  }

  private async referenceOf(request: RegistrationRequest, digest: Digest): Promise<Digest> {
    if (request.kind === 'reference') {
      if (request.reference !== null && request.reference !== digest) {
        throw new LineageRefused('A reference is its own reference.', { reference: request.reference, digest });
      }
      return digest;
    }
    const reference = request.reference === null ? null : await this.versions.find(request.model, request.reference);
    if (reference?.kind !== 'reference') {
      throw new LineageRefused('A compressed version needs a registered reference to be measured against.', {
        reference: request.reference,
      });
    }
    return reference.digest;
  }

  private async admit(check: () => Promise<unknown>): Promise<void> {
    try {
      await check();
    } catch (error) {
      if (error instanceof RatchetError) filesRefused.inc({ reason: error.name });
      throw error;
    }
  }
}
