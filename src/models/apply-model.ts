import {
  type Actor,
  type AuditLog,
  type Clock,
  type FactBus,
  InvalidInput,
  RevisionConflict,
  type UnitOfWork,
} from '../kernel/index.js';
import { decideApply, same } from './domain/apply-document.js';
import { ModelApplied } from './domain/facts.js';
import type { Model, ModelSpec } from './domain/model.js';
import { documentsApplied } from './metrics.js';
import type {
  ArtifactStore,
  ChampionHistory,
  DocumentRules,
  ModelAdmission,
  ModelStore,
  VersionCatalog,
} from './ports.js';

/** What applying a document touches. */
export interface ApplyModelParts {
  readonly models: ModelStore;
  readonly versions: VersionCatalog;
  readonly champions: ChampionHistory;
  readonly artifacts: ArtifactStore;
  readonly admission: ModelAdmission;
  readonly rules: DocumentRules;
  readonly facts: FactBus;
  readonly audit: AuditLog;
  readonly unitOfWork: UnitOfWork;
  readonly clock: Clock;
}

/** Creates or changes a model by its document; the reference serves as champion until one is promoted. */
export class ApplyModel {
  constructor(private readonly parts: ApplyModelParts) {}

  /**
   * Idempotent: the same document again changes and records nothing.
   * @throws InvalidInput with what stages downstream object to
   * @throws NotFound when the reference's artifact was not uploaded
   * @throws ImmutableField, and what `ModelAdmission.check` throws
   */
  async apply(
    name: string,
    spec: ModelSpec,
    actor: Actor,
  ): Promise<{ model: Model; change: 'created' | 'updated' | 'unchanged' }> {
    const { models, artifacts, admission, rules, unitOfWork, clock } = this.parts;
    const before = await models.find(name);
    const decision = decideApply(before, name, spec, clock.now());
    if (decision.change === 'unchanged') return decision;
    const faults = await rules.faults(spec, name);
    if (faults.length > 0) throw new InvalidInput('The model document', faults);
    // Outside the transaction, because hashing and reading a large file takes its time.
    const file =
      decision.change === 'created'
        ? await admission.check(await artifacts.verifiedPath(spec.reference.digest), spec)
        : null;
    const model = await unitOfWork.run('models.apply', async () => {
      const saved = await this.save(decision.model, decision.change, actor);
      if (file !== null) await this.beginWithReference(saved, file.sizeBytes);
      return saved;
    });
    documentsApplied.inc({ change: decision.change });
    return { model, change: decision.change };
  }

  private async save(wanted: Model, change: 'created' | 'updated', actor: Actor): Promise<Model> {
    const { models, facts, audit } = this.parts;
    const model = await models.save(wanted);
    // Somebody created it at the same moment, with another document.
    if (!same(model.spec, wanted.spec)) throw new RevisionConflict('model', model.id);
    await facts.publish(ModelApplied, { model: model.id });
    await audit.append({
      actor: actor.name,
      role: actor.role,
      action: 'models.apply',
      subject: `model/${model.id}`,
      reason: '',
      detail: { change, generation: model.status.generation, spec: model.spec },
    });
    return model;
  }

  private async beginWithReference({ id, spec }: Model, sizeBytes: number): Promise<void> {
    const { versions, champions, clock } = this.parts;
    const { digest, evaluation } = spec.reference;
    const now = clock.now();
    await versions.register({
      digest,
      model: id,
      kind: 'reference',
      parent: null,
      reference: digest,
      recipe: null,
      snapshot: null,
      job: null,
      sizeBytes,
      createdAt: now,
    });
    await champions.begin({
      model: id,
      champion: digest,
      reference: digest,
      promotion: null,
      profile: {
        accuracy: evaluation?.accuracy ?? null,
        labelled: evaluation?.samples ?? 0,
        agreement: null,
        compared: 0,
        referenceAccuracy: evaluation?.accuracy ?? null,
      },
      at: now,
    });
  }
}
