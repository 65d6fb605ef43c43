import { failpoint } from '../../../kernel/index.js';
import {
  type ClusterConnection,
  ClusterResource,
  ObjectChanged,
  type StoredObject,
} from '../../../platform/kubernetes/index.js';
import { ROUTE_KINDS, type RouteKind, type RoutePlan } from '../../domain/routes/index.js';
import { routePatchesTotal } from '../../metrics.js';

/** Where a route is. */
export interface RoutePlace {
  readonly kind: RouteKind;
  readonly namespace: string;
  readonly name: string;
}

/** What became of a plan; the object is as it is now, null when there is none. */
export interface Applied {
  readonly object: StoredObject | null;
  readonly plan: RoutePlan | null;
}

const ATTEMPTS = 5;
/** A pass observes and then states: what it has just read need not be read again. A patch tests what it rests on anyway. */
const FRESH_MS = 400;

/** Reads routes and changes them by plans that are made anew whenever somebody else was faster. */
export class ClusterRoutes {
  private readonly read = new Map<string, { readonly object: StoredObject | null; readonly at: number }>();

  constructor(private readonly connection: ClusterConnection) {}

  get configured(): boolean {
    return this.connection.configured;
  }

  /** The API server's time for a time of ours, never too early: leases are judged by its clock. */
  serverTime(ours: Date): Date {
    return new Date(ours.getTime() + this.connection.serverAheadMs.most);
  }

  /** Null when there is no such route. @throws RatchetError */
  async find(place: RoutePlace): Promise<StoredObject | null> {
    const object = await this.resource(place).find(place.name);
    this.remember(place, object);
    return object;
  }

  /**
   * Carries out what `plan` says of the route as it is; with null when there is none.
   * @throws RatchetError when the cluster does not answer, does not allow it, or others keep changing the route
   */
  async apply(place: RoutePlace, plan: (object: StoredObject) => RoutePlan): Promise<Applied> {
    let object = this.recent(place) ?? (await this.find(place));
    for (let attempt = 1; ; attempt++) {
      if (object === null) return { object: null, plan: null };
      const next = plan(object);
      if (next.kind !== 'patch') return { object, plan: next };
      try {
        failpoint('rollouts.patch-route:before');
        const changed = await this.resource(place).patch(place.name, next.operations);
        failpoint('rollouts.patch-route:after');
        routePatchesTotal.inc({ kind: place.kind, outcome: 'done' });
        this.remember(place, changed);
        return { object: changed, plan: next };
      } catch (error) {
        this.read.delete(keyOf(place));
        const again = error instanceof ObjectChanged && attempt < ATTEMPTS;
        routePatchesTotal.inc({ kind: place.kind, outcome: error instanceof ObjectChanged ? 'overtaken' : 'failed' });
        if (!again) throw error;
        object = await this.find(place);
      }
    }
  }

  private resource({ kind, namespace }: RoutePlace): ClusterResource {
    return new ClusterResource(this.connection, ROUTE_KINDS[kind], namespace);
  }

  private recent(place: RoutePlace): StoredObject | null {
    const found = this.read.get(keyOf(place));
    return found !== undefined && performance.now() - found.at < FRESH_MS ? found.object : null;
  }

  private remember(place: RoutePlace, object: StoredObject | null): void {
    this.read.set(keyOf(place), { object, at: performance.now() });
    if (this.read.size > 1_000)
      for (const [key, { at }] of this.read) if (performance.now() - at > FRESH_MS) this.read.delete(key);
  }
}

function keyOf({ kind, namespace, name }: RoutePlace): string {
  return `${kind}/${namespace}/${name}`;
}
