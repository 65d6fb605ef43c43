import type { Digest } from '../../../kernel/index.js';
import type { GatewayStatus, RouteStore } from '../../../serving/index.js';
import type { TrafficOrder } from '../../ports.js';

/**
 * Our own gateways behind somebody else's split: those of the candidate Service run with RATCHET_SERVING_ARM=candidate and
 * answer with the candidate whatever the built-in route's weight is, so that weight stays 0 and only names the versions.
 */
export class PinnedGateways {
  constructor(
    private readonly routes: RouteStore,
    private readonly gateways: GatewayStatus,
  ) {}

  /** Tells the gateways which version the candidate is; what is still to be waited for, or null. Repeatable. */
  async prepare(order: TrafficOrder): Promise<string | null> {
    const { model, champion, candidate, salt } = order;
    await this.routes.state({ ...plain(model, champion, salt), candidate });
    return this.waitingFor(order);
  }

  /** Why requests cannot be given to the candidate's gateways; null when they can. */
  async waitingFor({ model, candidate }: TrafficOrder): Promise<string | null> {
    const route = await this.routes.find(model);
    if (route === null || route.candidate !== candidate) return 'The gateways were not told of the candidate yet.';
    if ((await this.gateways.epochInForce(model, 'candidate')) === null)
      return 'No live gateway is pinned to the candidate (RATCHET_SERVING_ARM=candidate).';
    return this.behind(model, route.epoch);
  }

  /** The candidate is taken out; the champion serves. */
  async giveBack({ model, salt }: TrafficOrder, champion: Digest): Promise<void> {
    await this.routes.state(plain(model, champion, salt));
  }

  /** Why the stable gateways cannot take everything yet, after the promotion named the new champion; null when they can. */
  async unsettled({ model }: TrafficOrder): Promise<string | null> {
    const route = await this.routes.find(model);
    return route === null ? null : this.behind(model, route.epoch);
  }

  private async behind(model: string, epoch: number): Promise<string | null> {
    const inForce = await this.gateways.epochInForce(model);
    if (inForce === null) return 'No gateway is live.';
    return inForce < epoch ? 'The gateways have not loaded what the route names yet.' : null;
  }
}

function plain(model: string, stable: Digest, salt: string) {
  return { model, stable, candidate: null, weight: 0, mirror: null, mirrorFraction: 0, salt, confirmBy: null };
}
