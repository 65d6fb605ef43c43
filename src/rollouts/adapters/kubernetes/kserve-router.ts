import type { Clock } from '../../../kernel/index.js';
import {
  isRolledOut,
  planCanary,
  planCanaryRelease,
  planPromotion,
  refused,
  seeCanary,
} from '../../domain/routes/index.js';
import { type TrafficOrder, TrafficRouter, type TrafficSight } from '../../ports.js';
import type { ClusterRoutes, RoutePlace } from './cluster-routes.js';
import { RouteJournal } from './route-journal.js';

/** KServe InferenceServices in Knative mode: the newest revision's share is `canaryTrafficPercent`. */
export class KServeRouter extends TrafficRouter {
  private readonly journal = new RouteJournal();

  /** @param storageUri where KServe finds a version: `{sha256}` and `{model}` are put in; undefined = nowhere */
  constructor(
    private readonly routes: ClusterRoutes,
    private readonly clock: Clock,
    private readonly storageUri: string | undefined,
  ) {
    super();
  }

  override async setWeight(order: TrafficOrder, weight: number, confirmBy: Date): Promise<void> {
    const place = placeOf(order);
    await this.journal.attempt(order.rollout, async () => {
      const storageUri = this.uriOf(order);
      if (storageUri === null) return refused(NO_URI);
      const { plan } = await this.routes.apply(place, (object) =>
        planCanary(object, {
          ...{ rollout: order.rollout, storageUri, percent: weight },
          confirmBy: this.routes.serverTime(confirmBy),
          now: this.routes.serverTime(this.clock.now()),
        }),
      );
      return plan ?? refused(missing(place));
    });
  }

  override async observe(order: TrafficOrder): Promise<TrafficSight> {
    const place = placeOf(order);
    return this.journal.see(order, async () => {
      if (this.uriOf(order) === null) return { weight: 0, reason: NO_URI, lapsed: false, refused: true };
      const object = await this.routes.find(place);
      if (object === null) return { weight: 0, reason: missing(place), lapsed: false, refused: true };
      return seeCanary(object, order.rollout);
    });
  }

  override async giveBack(order: TrafficOrder): Promise<void> {
    const place = placeOf(order);
    const { plan } = await this.routes.apply(place, (object) => planCanaryRelease(object, order.rollout));
    this.journal.gaveBack(order, plan, missing(place));
  }

  override async settle(order: TrafficOrder): Promise<boolean> {
    const place = placeOf(order);
    await this.routes.find(place); // what counts here is what KServe says now
    const { object } = await this.routes.apply(place, (found) => planPromotion(found, order.rollout));
    return object === null || isRolledOut(object);
  }

  private uriOf({ candidate, model }: TrafficOrder): string | null {
    return (
      this.storageUri?.replaceAll('{sha256}', candidate.slice('sha256:'.length)).replaceAll('{model}', model) ?? null
    );
  }
}

const NO_URI = 'RATCHET_ROLLOUTS_KSERVE_STORAGE_URI is not set, so KServe cannot be told where the candidate is.';

/** @throws TypeError for another kind of target */
function placeOf({ target }: TrafficOrder): RoutePlace {
  if (target.kind !== 'kserve') throw new TypeError(`A target of the kind ${target.kind} is no InferenceService.`);
  return target;
}

function missing({ namespace, name }: RoutePlace): string {
  return `There is no InferenceService ${namespace}/${name}.`;
}
