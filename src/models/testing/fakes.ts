import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Digest, type FactBus, NotFound, RevisionConflict } from '../../kernel/index.js';
import { ChampionChanged, VersionRegistered } from '../domain/facts.js';
import type { Model } from '../domain/model.js';
import type { ChampionPeriod, Version } from '../domain/version.js';
import { ArtifactStore, ChampionHistory, ChangeLock, ModelStore, VersionCatalog } from '../ports.js';

export class FakeModelStore extends ModelStore {
  readonly models = new Map<string, Model>();
  override find(name: string): Promise<Model | null> {
    return Promise.resolve(this.models.get(name) ?? null);
  }
  override async require(name: string): Promise<Model> {
    const found = await this.find(name);
    if (found === null) throw new NotFound('model', name);
    return found;
  }
  override list(): Promise<Model[]> {
    return Promise.resolve([...this.models.values()]);
  }
  override save(model: Model): Promise<Model> {
    const stored = this.models.get(model.id);
    if (model.revision === 0 && stored !== undefined) return Promise.resolve(stored);
    if (model.revision !== (stored?.revision ?? 0)) return Promise.reject(new RevisionConflict('model', model.id));
    const saved = { ...model, revision: model.revision + 1 };
    this.models.set(model.id, saved);
    return Promise.resolve(saved);
  }
}

export class FakeVersionCatalog extends VersionCatalog {
  readonly versions: Version[] = [];
  constructor(private readonly facts?: FactBus) {
    super();
  }
  override async register(version: Version): Promise<void> {
    if ((await this.find(version.model, version.digest)) !== null) return;
    this.versions.unshift(version);
    await this.facts?.publish(VersionRegistered, { model: version.model, digest: version.digest });
  }
  override find(model: string, digest: Digest): Promise<Version | null> {
    return Promise.resolve(this.versions.find((each) => each.model === model && each.digest === digest) ?? null);
  }
  override list(model: string): Promise<Version[]> {
    return Promise.resolve(this.versions.filter((each) => each.model === model));
  }
}

export class FakeChampionHistory extends ChampionHistory {
  /** Newest first. */
  readonly periods: ChampionPeriod[] = [];
  constructor(private readonly facts?: FactBus) {
    super();
  }
  override current(model: string): Promise<ChampionPeriod | null> {
    return Promise.resolve(this.periods.find((period) => period.model === model && period.until === null) ?? null);
  }
  override servingAt(model: string, at: Date): Promise<ChampionPeriod | null> {
    const contains = (period: ChampionPeriod) => period.from <= at && (period.until === null || period.until > at);
    return Promise.resolve(this.periods.find((period) => period.model === model && contains(period)) ?? null);
  }
  override list(model: string): Promise<ChampionPeriod[]> {
    return Promise.resolve(this.periods.filter((period) => period.model === model));
  }
  override async begin({ at, ...period }: Parameters<ChampionHistory['begin']>[0]): Promise<void> {
    const ofModel = await this.list(period.model);
    if (ofModel.some((each) => each.promotion === period.promotion)) return;
    const current = ofModel.find((each) => each.until === null);
    if (current) this.periods[this.periods.indexOf(current)] = { ...current, until: at };
    this.periods.unshift({ ...period, from: at, until: null });
    const { model, champion, reference, promotion } = period;
    await this.facts?.publish(ChampionChanged, { model, champion, reference, promotion });
  }
}

/** Artifacts in memory; `verifiedPath` answers a path that does not exist unless `paths` names one. */
export class FakeArtifactStore extends ArtifactStore {
  readonly bytes = new Map<Digest, Uint8Array>();
  readonly paths = new Map<Digest, string>();
  override async putFile(path: string): Promise<{ digest: Digest; sizeBytes: number }> {
    const stored = await this.putBytes(await readFile(path));
    this.paths.set(stored.digest, path);
    return stored;
  }
  override putBytes(bytes: Uint8Array): Promise<{ digest: Digest; sizeBytes: number }> {
    const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    this.bytes.set(digest, bytes);
    return Promise.resolve({ digest, sizeBytes: bytes.length });
  }
  override verifiedPath(digest: Digest): Promise<string> {
    if (!this.bytes.has(digest)) return Promise.reject(new NotFound('artifact', digest));
    return Promise.resolve(this.paths.get(digest) ?? `/artifacts/${digest}`);
  }
  override exists(digest: Digest): Promise<boolean> {
    return Promise.resolve(this.bytes.has(digest));
  }
}

export class FakeChangeLock extends ChangeLock {
  readonly holders = new Map<string, string>();
  override acquire(model: string, holder: string): Promise<boolean> {
    if (!this.holders.has(model)) this.holders.set(model, holder);
    return Promise.resolve(this.holders.get(model) === holder);
  }
  override release(model: string, holder: string): Promise<void> {
    if (this.holders.get(model) === holder) this.holders.delete(model);
    return Promise.resolve();
  }
  override holder(model: string): Promise<string | null> {
    return Promise.resolve(this.holders.get(model) ?? null);
  }
}
