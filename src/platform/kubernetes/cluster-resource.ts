import type { ClusterConnection, Verb } from './cluster-connection.js';
import { ObjectMissing } from './errors.js';
import type { JsonPatchOperation } from './json-patch.js';
import { type ResourceKind, resourcePath } from './resource-path.js';

/** What every stored object has, as it travels: times are ISO texts. */
export interface StoredObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly generation?: number;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly kind: string; readonly name: string; readonly uid: string }[];
  };
}

export interface ObjectList<Stored> {
  readonly items: Stored[];
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
}

/** Objects at a time in a list; more come in pages. */
const PAGE = 500;

/** Objects of one kind in one namespace (null: of all). Errors are those of `ClusterConnection.request`. */
export class ClusterResource<Stored extends StoredObject = StoredObject> {
  constructor(
    readonly connection: ClusterConnection,
    readonly kind: ResourceKind,
    readonly namespace: string | null,
  ) {}

  get(name: string): Promise<Stored> {
    return this.ask('GET', `read ${this.named(name)}`, this.path(name));
  }

  /** Null in the place of ObjectMissing. */
  async find(name: string): Promise<Stored | null> {
    try {
      return await this.get(name);
    } catch (error) {
      if (error instanceof ObjectMissing) return null;
      throw error;
    }
  }

  /** All of them, whatever their number; the version is the newest page's, to watch from. */
  async list(
    selector: { readonly labels?: string; readonly fields?: string } = {},
    signal?: AbortSignal,
  ): Promise<ObjectList<Stored>> {
    const items: Stored[] = [];
    let next: string | undefined;
    for (;;) {
      const page: ObjectList<Stored> = await this.connection.request({
        what: `list ${this.kind.plural}`,
        resource: this.kind.plural,
        verb: 'GET',
        path: this.path(),
        query: { labelSelector: selector.labels, fieldSelector: selector.fields, limit: PAGE, continue: next },
        ...(signal !== undefined && { signal }),
      });
      items.push(...page.items);
      next = page.metadata.continue;
      if (next === undefined || next === '') return { items, metadata: page.metadata };
    }
  }

  /** `dryRun` asks for every check and stores nothing. */
  create(object: object, options: { readonly dryRun?: boolean } = {}): Promise<Stored> {
    const name = (object as { metadata?: { name?: string } }).metadata?.name ?? '';
    return this.ask('POST', `create ${this.named(name)}`, this.path(), object, {
      dryRun: options.dryRun === true ? 'All' : undefined,
    });
  }

  /** The whole object; its resourceVersion, when it has one, must be the stored one's. */
  replace(name: string, object: object): Promise<Stored> {
    return this.ask('PUT', `replace ${this.named(name)}`, this.path(name), object);
  }

  /** JSON patch; all of it or nothing. @throws ObjectChanged when a `test` does not hold */
  patch(name: string, operations: readonly JsonPatchOperation[], sub?: string): Promise<Stored> {
    return this.connection.request({
      what: `patch ${this.named(name)}`,
      resource: this.kind.plural,
      verb: 'PATCH',
      path: resourcePath(this.kind, this.namespace, name, sub),
      body: operations,
      contentType: 'application/json-patch+json',
    });
  }

  /**
   * False when it was gone already. With `uid`, only this very object is deleted. `Foreground` keeps it until what it
   * owns is gone. @throws ObjectChanged when another one has its name by now
   */
  async delete(
    name: string,
    options: {
      readonly uid?: string;
      readonly graceSeconds?: number;
      readonly propagation?: 'Foreground' | 'Background' | 'Orphan';
    } = {},
  ): Promise<boolean> {
    try {
      await this.ask('DELETE', `delete ${this.named(name)}`, this.path(name), {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        ...(options.uid !== undefined && { preconditions: { uid: options.uid } }),
        ...(options.graceSeconds !== undefined && { gracePeriodSeconds: options.graceSeconds }),
        ...(options.propagation !== undefined && { propagationPolicy: options.propagation }),
      });
      return true;
    } catch (error) {
      if (error instanceof ObjectMissing) return false;
      throw error;
    }
  }

  path(name?: string): string {
    return resourcePath(this.kind, this.namespace, name);
  }

  private ask(
    verb: Verb,
    what: string,
    path: string,
    body?: object,
    query?: Readonly<Record<string, string | undefined>>,
  ): Promise<Stored> {
    return this.connection.request({
      what,
      resource: this.kind.plural,
      verb,
      path,
      ...(body !== undefined && { body }),
      ...(query !== undefined && { query }),
    });
  }

  private named(name: string): string {
    return `${this.kind.plural.replace(/s$/, '')} ${this.namespace === null ? '' : `${this.namespace}/`}${name}`;
  }
}
