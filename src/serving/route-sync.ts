import { type Clock, type Digest } from '../kernel/index.js';
import type { ModelSpec, ModelStore } from '../models/index.js';
import type { GatewayArm } from './domain/pinned-arm.js';
import type { Route } from './domain/route.js';
import { epochInForce, swapsTotal, syncFailuresTotal } from './metrics.js';
import type { GatewayRegister, InferenceEngine, RouteStore } from './ports.js';
import type { RouteTable, ServedModel } from './route-table.js';
import { ServedSeries } from './served-series.js';

/** A version that did not load is tried again after so long: loading costs the thread that answers requests. */
const RETRY_LOAD_MS = 2_000;

/** What happened, for the log. Each is told once until it changes. */
export interface SyncObserver {
  swapped(model: string, route: Route): void;
  versionFailed(model: string, digest: Digest, error: unknown): void;
  storeAway(error: unknown): void;
  storeBack(): void;
}

export interface RouteSyncParts {
  readonly instance: string;
  /** What the gateway is pinned to. */
  readonly arm: GatewayArm;
  readonly routes: RouteStore;
  readonly models: ModelStore;
  readonly register: GatewayRegister;
  readonly serving: InferenceEngine;
  readonly background: InferenceEngine;
  readonly table: RouteTable;
  readonly clock: Clock;
  readonly observer: SyncObserver;
}

/**
 * Brings the wanted routes in force: loads what a route names first, then replaces the model's entry in the table at
 * once, then reports the epoch. Without the database the last known routes stay in force, with their leases.
 */
export class RouteSync {
  private readonly series = new ServedSeries();
  private readonly failures = new Map<Digest, { readonly until: number }>();
  private routed: ReadonlySet<string> = new Set();
  private reported = '';
  private isStoreAway = false;

  constructor(private readonly parts: RouteSyncParts) {}

  /** One look at the store. Never rejects. */
  async pass(): Promise<void> {
    const { routes, models, table } = this.parts;
    const wanted = await this.fromStore(() => Promise.all([routes.list(), models.list()]));
    if (wanted === null) return;
    const [wantedRoutes, knownModels] = wanted;
    const specs = new Map(knownModels.map((model) => [model.id, model.spec]));
    const servable = wantedRoutes.filter((route) => specs.has(route.model));
    this.routed = new Set(servable.map((route) => route.model));
    await Promise.all(servable.map((route) => this.enforce(route, specs.get(route.model)!)));
    table.know(new Set(specs.keys()));
    const inForce = [...table.entries().values()].map(({ route }) => route);
    this.series.keep(inForce, this.parts.clock.now().getTime());
    this.freeUnnamed();
    if (this.summary() !== this.reported) await this.report();
  }

  /** Tells what is in force; also the heartbeat. Never rejects. */
  async report(): Promise<void> {
    const summary = this.summary();
    const epochs = new Map([...this.routed].map((model) => [model, this.parts.table.find(model)?.epoch ?? 0]));
    for (const [model, epoch] of epochs) epochInForce.set({ model }, epoch);
    const done = await this.fromStore(async () => {
      await this.parts.register.report(this.parts.instance, epochs, this.parts.arm);
      return true;
    });
    if (done !== null) this.reported = summary;
  }

  /** The gateway goes away in good order. Never rejects. */
  async leave(): Promise<void> {
    await this.fromStore(async () => this.parts.register.leave(this.parts.instance));
  }

  /** Resolves when every routed model is served. @throws Error that names what is missing */
  async ready(): Promise<string> {
    const missing = this.parts.table.missing(this.routed);
    if (missing === null) throw new Error('the routes were not read yet');
    if (missing.length > 0) throw new Error(`not loaded: ${missing.join(', ')}`);
    return `${this.routed.size} models served`;
  }

  private async enforce(route: Route, spec: ModelSpec): Promise<void> {
    const { table } = this.parts;
    const current = table.find(route.model);
    if (current?.epoch === route.epoch) {
      table.put(route.model, { ...current, route, spec }); // a longer lease or a newer document needs nothing loaded
      return;
    }
    const next = await this.prepare(route, spec);
    if (next === null) return;
    this.series.begin(next.route);
    table.put(route.model, { ...next, ...this.candidateGone(current, next) });
    if (current !== null && sameRoute(current.route, next.route)) return; // still what could be loaded of it
    swapsTotal.inc({ model: route.model });
    this.parts.observer.swapped(route.model, next.route);
  }

  private candidateGone(current: ServedModel | null, next: ServedModel): Pick<ServedModel, 'candidateGoneAt'> {
    if (next.route.candidate !== null || current === null) return {};
    const goneAt = current.route.candidate === null ? current.candidateGoneAt : this.parts.clock.now();
    return goneAt === undefined ? {} : { candidateGoneAt: goneAt };
  }

  /** The wanted route when all it names loads, else what can be served of it; null when nothing can. */
  private async prepare(route: Route, spec: ModelSpec): Promise<ServedModel | null> {
    const { serving, background } = this.parts;
    const stable = await this.loads(serving, route.stable, route.model, spec);
    if (!stable) return null; // what is in force stays
    const candidate = route.candidate === null || (await this.loads(serving, route.candidate, route.model, spec));
    const mirror = route.mirror === null || (await this.loads(background, route.mirror, route.model, spec));
    if (candidate && mirror) return { spec, route, epoch: route.epoch };
    const withoutCandidate = candidate ? {} : { candidate: null, weight: 0 };
    const withoutMirror = mirror ? {} : { mirror: null, mirrorFraction: 0 };
    return { spec, route: { ...route, ...withoutCandidate, ...withoutMirror }, epoch: 0 };
  }

  private async loads(engine: InferenceEngine, digest: Digest, model: string, spec: ModelSpec): Promise<boolean> {
    const now = this.parts.clock.now().getTime();
    const failure = this.failures.get(digest);
    if (failure !== undefined && now < failure.until) return false;
    try {
      await engine.load({ digest, input: spec.input, output: spec.output });
      this.failures.delete(digest);
      return true;
    } catch (error) {
      syncFailuresTotal.inc({ cause: 'version' });
      if (failure === undefined) this.parts.observer.versionFailed(model, digest, error);
      this.failures.set(digest, { until: now + RETRY_LOAD_MS });
      return false;
    }
  }

  private freeUnnamed(): void {
    const serving = new Set<Digest>();
    const mirrored = new Set<Digest>();
    for (const { route } of this.parts.table.entries().values()) {
      serving.add(route.stable);
      if (route.candidate !== null) serving.add(route.candidate);
      if (route.mirror !== null) mirrored.add(route.mirror);
    }
    this.parts.serving.keepOnly(serving);
    this.parts.background.keepOnly(mirrored);
  }

  private async fromStore<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      const result = await work();
      if (this.isStoreAway) this.parts.observer.storeBack();
      this.isStoreAway = false;
      return result;
    } catch (error) {
      syncFailuresTotal.inc({ cause: 'store' });
      if (!this.isStoreAway) this.parts.observer.storeAway(error);
      this.isStoreAway = true;
      return null;
    }
  }

  private summary(): string {
    const epochs = [...this.routed].map((model) => `${model}=${this.parts.table.find(model)?.epoch ?? 0}`);
    return epochs.sort().join(' ');
  }
}

function sameRoute(a: Route, b: Route): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
