import type { Digest } from '../../../kernel/index.js';
import type { TrafficTarget } from '../../../models/index.js';
import { type TrafficOrder, TrafficRouter, type TrafficSight } from '../../ports.js';

/** Gives each order to the router of its target's kind. */
export class RoutedTraffic extends TrafficRouter {
  constructor(private readonly routers: Readonly<Record<TrafficTarget['kind'], TrafficRouter>>) {
    super();
  }

  override setWeight(order: TrafficOrder, weight: number, confirmBy: Date): Promise<void> {
    return this.routers[order.target.kind].setWeight(order, weight, confirmBy);
  }

  override observe(order: TrafficOrder): Promise<TrafficSight> {
    return this.routers[order.target.kind].observe(order);
  }

  override giveBack(order: TrafficOrder, champion: Digest): Promise<void> {
    return this.routers[order.target.kind].giveBack(order, champion);
  }

  override settle(order: TrafficOrder): Promise<boolean> {
    return this.routers[order.target.kind].settle(order);
  }
}
