import type { ModelSpec } from '../models/index.js';
import { ModelLoading, ModelNotServed } from './domain/errors.js';
import type { Route } from './domain/route.js';

/** A model whose versions are loaded and whose route decides about requests now. */
export interface ServedModel {
  readonly spec: ModelSpec;
  /** What is followed; names only versions that are loaded. */
  readonly route: Route;
  /** The epoch of the wanted route when that is what is followed, otherwise 0. */
  readonly epoch: number;
  /** When the route stopped naming a candidate; absent = it never named one here, or it does. */
  readonly candidateGoneAt?: Date;
}

/** What is in force. A model is replaced as a whole, so a request sees the old route or the new one, never a mixture. */
export class RouteTable {
  private readonly served = new Map<string, ServedModel>();
  private known: ReadonlySet<string> | null = null;

  find(model: string): ServedModel | null {
    return this.served.get(model) ?? null;
  }

  /** @throws ModelNotServed @throws ModelLoading */
  require(model: string): ServedModel {
    const found = this.served.get(model);
    if (found !== undefined) return found;
    if (this.known === null || this.known.has(model)) throw new ModelLoading(model);
    throw new ModelNotServed(model);
  }

  put(model: string, served: ServedModel): void {
    this.served.set(model, served);
  }

  /** Which models exist; what is not among them is served no longer. */
  know(models: ReadonlySet<string>): void {
    this.known = models;
    for (const model of this.served.keys()) if (!models.has(model)) this.served.delete(model);
  }

  entries(): ReadonlyMap<string, ServedModel> {
    return this.served;
  }

  /** Models that exist but cannot be served yet; null before the first look at the store. */
  missing(routed: ReadonlySet<string>): string[] | null {
    return this.known === null ? null : [...routed].filter((model) => !this.served.has(model));
  }
}
