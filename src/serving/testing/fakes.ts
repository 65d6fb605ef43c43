import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Digest, NotFound } from '../../kernel/index.js';
import { ArtifactStore, type Model, ModelStore } from '../../models/index.js';
import type { Answer } from '../domain/answer.js';
import type { GatewayArm } from '../domain/pinned-arm.js';
import type { Route } from '../domain/route.js';
import type { ServedCount } from '../domain/served.js';
import {
  AnswerSink,
  type EngineOutput,
  type Exposure,
  type ExposureCount,
  ExposureLog,
  GatewayRegister,
  GatewayStatus,
  InferenceEngine,
  RouteStore,
  type Runnable,
  ServedSink,
} from '../ports.js';
import { digestOf } from './builders.js';

/** Routes in memory, with the epoch rule of the real store. `away` makes it reject. */
export class FakeRouteStore extends RouteStore {
  readonly routes = new Map<string, Route>();
  away = false;

  async find(model: string): Promise<Route | null> {
    if (this.away) throw new Error('the database is away');
    return this.routes.get(model) ?? null;
  }
  async list(): Promise<Route[]> {
    if (this.away) throw new Error('the database is away');
    return [...this.routes.values()];
  }
  async state(route: Omit<Route, 'epoch'>): Promise<Route> {
    const before = this.routes.get(route.model);
    const text = (r: Omit<Route, 'epoch'>): string => JSON.stringify({ ...r, epoch: 0, confirmBy: null }, KEYS);
    const same = before !== undefined && text(before) === text(route);
    const stored = { ...route, epoch: same ? before.epoch : (before?.epoch ?? 0) + 1 };
    this.routes.set(route.model, stored);
    return stored;
  }
  async stateIf(route: Omit<Route, 'epoch'>, epoch: number): Promise<Route | null> {
    return this.routes.get(route.model)?.epoch === epoch ? this.state(route) : null;
  }
}

/** Exposures in memory. */
export class FakeExposureLog extends ExposureLog {
  readonly exposures = new Map<string, Exposure & { crossed: boolean }>();
  away = false;
  async add(exposures: readonly Exposure[]): Promise<void> {
    if (this.away) throw new Error('the database is away');
    for (const exposure of exposures) {
      const key = `${exposure.salt} ${exposure.keyHash}`;
      const known = this.exposures.get(key);
      if (known === undefined) this.exposures.set(key, { ...exposure, crossed: false });
      else known.crossed ||= known.arm !== exposure.arm;
    }
  }
  async count(salt: string): Promise<ExposureCount> {
    const all = [...this.exposures.values()].filter((exposure) => exposure.salt === salt);
    const of = (arm: string): number => all.filter((exposure) => exposure.arm === arm).length;
    return { stable: of('stable'), candidate: of('candidate'), crossed: all.filter(({ crossed }) => crossed).length };
  }
  async forget(salt: string): Promise<void> {
    for (const [key, exposure] of this.exposures) if (exposure.salt === salt) this.exposures.delete(key);
  }
}

const KEYS = ['model', 'stable', 'candidate', 'weight', 'mirror', 'mirrorFraction', 'salt', 'exposures'];

export class FakeGatewayRegister extends GatewayRegister {
  readonly epochs = new Map<string, ReadonlyMap<string, number>>();
  reports = 0;
  async report(instance: string, epochs: ReadonlyMap<string, number>): Promise<void> {
    this.reports += 1;
    this.epochs.set(instance, new Map(epochs));
  }
  async leave(instance: string): Promise<void> {
    this.epochs.delete(instance);
  }
}

/** Says what the test set. */
export class FakeGatewayStatus extends GatewayStatus {
  readonly epochs = new Map<string, number>();
  /** What the gateways that are pinned to the candidate say; by model. */
  readonly candidates = new Map<string, number>();
  async epochInForce(model: string, arm?: GatewayArm): Promise<number | null> {
    return (arm === 'candidate' ? this.candidates : this.epochs).get(model) ?? null;
  }
}

/** Remembers answers; `take(n)` resolves once so many have come. */
export class RecordingAnswerSink extends AnswerSink {
  readonly answers: Answer[] = [];
  private waiting: { count: number; resolve: (answers: Answer[]) => void }[] = [];

  accept(answer: Answer): void {
    this.answers.push(answer);
    this.waiting = this.waiting.filter(({ count, resolve }) => {
      if (this.answers.length < count) return true;
      resolve(this.answers);
      return false;
    });
  }
  async take(count: number): Promise<Answer[]> {
    if (this.answers.length >= count) return this.answers;
    return new Promise((resolve) => this.waiting.push({ count, resolve }));
  }
}

/** Models in memory. */
export class FakeServedModels extends ModelStore {
  readonly models = new Map<string, Model>();
  constructor(...models: Model[]) {
    super();
    for (const model of models) this.models.set(model.id, model);
  }
  async find(name: string): Promise<Model | null> {
    return this.models.get(name) ?? null;
  }
  async require(name: string): Promise<Model> {
    const found = this.models.get(name);
    if (found === undefined) throw new NotFound('model', name);
    return found;
  }
  async list(): Promise<Model[]> {
    return [...this.models.values()];
  }
  async save(model: Model): Promise<Model> {
    this.models.set(model.id, model);
    return model;
  }
}

/** Files in a temporary folder; `close` removes it. */
export class TemporaryArtifacts extends ArtifactStore {
  readonly folder = mkdtempSync(join(tmpdir(), 'ratchet-serving-'));

  async putFile(): Promise<never> {
    throw new Error('not needed here');
  }
  async putBytes(bytes: Uint8Array): Promise<{ digest: Digest; sizeBytes: number }> {
    const digest = digestOf(bytes);
    writeFileSync(this.path(digest), bytes);
    return { digest, sizeBytes: bytes.length };
  }
  async verifiedPath(digest: Digest): Promise<string> {
    if (!(await this.exists(digest))) throw new NotFound('artifact', digest);
    return this.path(digest);
  }
  async exists(digest: Digest): Promise<boolean> {
    return existsSync(this.path(digest));
  }
  close(): void {
    rmSync(this.folder, { recursive: true });
  }
  protected path(digest: Digest): string {
    return join(this.folder, digest.slice('sha256:'.length));
  }
}

/** An engine without a runtime: answers what the test says, and lets the test decide when. */
export class FakeEngine extends InferenceEngine {
  readonly loaded = new Set<Digest>();
  readonly unloadable = new Set<Digest>();
  readonly asked: { digest: Digest; rows: number; values: Float32Array }[] = [];
  /** Logits of each row. */
  output: (digest: Digest) => readonly number[] = () => [0, 1, 0];
  /** What a run waits for. */
  gate: Promise<void> = Promise.resolve();
  failure: Error | null = null;

  async load({ digest }: Runnable): Promise<void> {
    if (this.unloadable.has(digest)) throw new Error(`${digest} does not load`);
    this.loaded.add(digest);
  }
  async infer({ digest }: Runnable, values: Float32Array, rows: number): Promise<EngineOutput> {
    this.asked.push({ digest, rows, values });
    await this.gate;
    if (this.failure !== null) throw this.failure;
    const row = this.output(digest);
    const all = Array.from({ length: rows }, () => row).flat();
    return { values: Float32Array.from(all), shape: [rows, row.length], runMs: 1 };
  }
  keepOnly(digests: ReadonlySet<Digest>): void {
    for (const digest of this.loaded) if (!digests.has(digest)) this.loaded.delete(digest);
  }
  async close(): Promise<void> {
    this.loaded.clear();
  }
}

/** Remembers what it was told; `failure` is thrown once. */
export class RecordingServedSink extends ServedSink {
  readonly told: ServedCount[] = [];
  failure: Error | null = null;
  async report(counts: readonly ServedCount[]): Promise<void> {
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure;
    this.told.push(...counts);
  }
}
