import { beforeEach, describe, expect, it } from '@jest/globals';
import { NotFound } from '../kernel/index.js';
import { FakeClock, ImmediateUnitOfWork, RecordingAuditLog, RecordingFactBus } from '../kernel/testing/index.js';
import { ApplyModel } from './apply-model.js';
import { ContractMismatch, ImmutableField, LineageRefused } from './domain/errors.js';
import { ChampionChanged, ModelApplied, VersionRegistered } from './domain/facts.js';
import { RegisteredDocumentRules } from './document-rules.js';
import { ModelAdmission } from './ports.js';
import { CheckedVersionRegistration } from './register-version.js';
import {
  FakeArtifactStore,
  FakeChampionHistory,
  FakeModelStore,
  FakeVersionCatalog,
  someDigest,
  someSpec,
} from './testing/index.js';

class SwitchedAdmission extends ModelAdmission {
  refusal: Error | null = null;
  override check(): Promise<{ sizeBytes: number }> {
    return this.refusal === null ? Promise.resolve({ sizeBytes: 9 }) : Promise.reject(this.refusal);
  }
}

const actor = { name: 'ann', role: 'operator' } as const;

describe('applying a model document', () => {
  const clock = new FakeClock();
  let unitOfWork: ImmediateUnitOfWork;
  let facts: RecordingFactBus;
  let audit: RecordingAuditLog;
  let models: FakeModelStore;
  let versions: FakeVersionCatalog;
  let champions: FakeChampionHistory;
  let artifacts: FakeArtifactStore;
  let admission: SwitchedAdmission;
  let rules: RegisteredDocumentRules;
  let applyModel: ApplyModel;

  beforeEach(() => {
    unitOfWork = new ImmediateUnitOfWork();
    facts = new RecordingFactBus(unitOfWork);
    audit = new RecordingAuditLog();
    models = new FakeModelStore();
    versions = new FakeVersionCatalog(facts);
    champions = new FakeChampionHistory(facts);
    artifacts = new FakeArtifactStore();
    admission = new SwitchedAdmission();
    rules = new RegisteredDocumentRules();
    const stores = { models, versions, champions, artifacts };
    applyModel = new ApplyModel({ ...stores, admission, rules, facts, audit, unitOfWork, clock });
  });

  async function uploaded() {
    const { digest } = await artifacts.putBytes(Buffer.from('reference'));
    return someSpec({ reference: { digest, evaluation: { accuracy: 0.98, samples: 500 } } });
  }

  it('says every objection of the stages downstream, and then creates nothing', async () => {
    const spec = await uploaded();
    rules.register(() => Promise.resolve([{ path: 'spec.rollout.steps.0.gates.0', message: 'asks nobody' }]));
    rules.register(() => Promise.resolve([{ path: 'spec.jobs', message: 'has no runner' }]));
    await expect(applyModel.apply('digits', spec, actor)).rejects.toMatchObject({
      ...{ name: 'InvalidInput', faults: [{ path: 'spec.rollout.steps.0.gates.0' }, { path: 'spec.jobs' }] },
    });
    expect(await models.list()).toEqual([]);
  });

  it('lets the reference serve first, with what its makers measured as profile', async () => {
    const spec = await uploaded();
    const { model, change } = await applyModel.apply('digits', spec, actor);
    expect(change).toBe('created');
    expect(model.status).toEqual({ phase: 'Registered', generation: 1 });
    expect(await versions.list('digits')).toMatchObject([
      { kind: 'reference', digest: spec.reference.digest, sizeBytes: 9 },
    ]);
    expect(await champions.current('digits')).toMatchObject({
      champion: spec.reference.digest,
      promotion: null,
      profile: { accuracy: 0.98, labelled: 500, referenceAccuracy: 0.98 },
    });
    expect(facts.of(ModelApplied)).toEqual([{ model: 'digits' }]);
    expect(facts.of(VersionRegistered)).toHaveLength(1);
    expect(facts.of(ChampionChanged)).toHaveLength(1);
    expect(audit.entries).toMatchObject([{ actor: 'ann', action: 'models.apply', subject: 'model/digits' }]);
  });

  it('does nothing for the same document again', async () => {
    const spec = await uploaded();
    await applyModel.apply('digits', spec, actor);
    const again = await applyModel.apply('digits', JSON.parse(JSON.stringify(spec)) as typeof spec, actor);
    expect(again.change).toBe('unchanged');
    expect(facts.published).toHaveLength(3);
    expect(audit.entries).toHaveLength(1);
  });

  it('raises the generation for another policy and keeps champion and versions', async () => {
    const spec = await uploaded();
    await applyModel.apply('digits', spec, actor);
    const { model, change } = await applyModel.apply('digits', { ...spec, promotion: { approval: 'manual' } }, actor);
    expect(change).toBe('updated');
    expect(model.status.generation).toBe(2);
    expect(champions.periods).toHaveLength(1);
    expect(facts.of(ModelApplied)).toHaveLength(2);
  });

  it.each([
    ['input', { input: { name: 'z', datatype: 'FP32', shape: [-1, 4] } }],
    ['task', { task: { kind: 'classification', classes: 5 } }],
    ['reference', { reference: { digest: someDigest('e') } }],
  ] as const)('refuses another %s for a model that is there', async (field, changes) => {
    const spec = await uploaded();
    await applyModel.apply('digits', spec, actor);
    const changed = applyModel.apply('digits', { ...spec, ...changes }, actor);
    await expect(changed).rejects.toThrow(ImmutableField);
    await expect(changed).rejects.toThrow(`spec.${field}`);
  });

  it('refuses a reference that was not uploaded', async () => {
    await expect(applyModel.apply('digits', someSpec(), actor)).rejects.toThrow(NotFound);
    expect(models.models.size).toBe(0);
  });

  it('refuses a reference that is not what the document says, and keeps nothing of it', async () => {
    admission.refusal = new ContractMismatch('input', ['its name is "z" instead of "x"']);
    await expect(applyModel.apply('digits', await uploaded(), actor)).rejects.toThrow(ContractMismatch);
    expect(models.models.size + versions.versions.length + champions.periods.length + facts.published.length).toBe(0);
  });

  describe('and registering a version of it', () => {
    const request = {
      model: 'digits',
      kind: 'compressed',
      parent: null,
      recipe: null,
      snapshot: null,
      job: null,
    } as const;
    let registration: CheckedVersionRegistration;
    const file = new URL('./ports.ts', import.meta.url).pathname;

    beforeEach(() => {
      registration = new CheckedVersionRegistration(models, versions, artifacts, admission, unitOfWork, clock);
    });

    it('gives the same version for the same bytes', async () => {
      const spec = await uploaded();
      await applyModel.apply('digits', spec, actor);
      const reference = spec.reference.digest;
      const first = await registration.registerFile({ ...request, path: file, reference, job: 'j1' });
      expect(first).toMatchObject({ kind: 'compressed', reference, job: 'j1' });
      expect(await registration.registerFile({ ...request, path: file, reference, job: 'j2' })).toEqual(first);
      expect(await versions.list('digits')).toHaveLength(2);
    });

    it('takes a new reference as its own', async () => {
      await applyModel.apply('digits', await uploaded(), actor);
      const version = await registration.registerFile({ ...request, kind: 'reference', path: file, reference: null });
      expect(version.reference).toBe(version.digest);
    });

    it('refuses what no registered reference can be charged for', async () => {
      await applyModel.apply('digits', await uploaded(), actor);
      const orphan = registration.registerFile({ ...request, path: file, reference: someDigest('e') });
      await expect(orphan).rejects.toThrow(LineageRefused);
    });

    it('stores nothing that was refused', async () => {
      const spec = await uploaded();
      await applyModel.apply('digits', spec, actor);
      admission.refusal = new ContractMismatch('output', ['it states no shape']);
      const refused = registration.registerFile({ ...request, path: file, reference: spec.reference.digest });
      await expect(refused).rejects.toThrow(ContractMismatch);
      expect(artifacts.bytes.size).toBe(1);
    });
  });
});
