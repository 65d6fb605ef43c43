import { Injectable } from '@nestjs/common';
import { Clock, type Digest } from '../../../kernel/index.js';
import { GatewayStatus, RouteStore } from '../../../serving/index.js';
import { type TrafficOrder, TrafficRouter, type TrafficSight } from '../../ports.js';

/** The built-in gateway: routes are rows, and gateways report which epoch they have in force. */
@Injectable()
export class BuiltinTrafficRouter extends TrafficRouter {
  constructor(
    private readonly routes: RouteStore,
    private readonly gateways: GatewayStatus,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async setWeight(order: TrafficOrder, weight: number, confirmBy: Date): Promise<void> {
    await this.routes.state({
      model: order.model,
      stable: order.champion,
      candidate: order.candidate,
      weight,
      mirror: null,
      mirrorFraction: 0,
      salt: order.salt,
      confirmBy,
    });
  }

  override async observe({ model, candidate }: TrafficOrder): Promise<TrafficSight> {
    const route = await this.routes.find(model);
    if (route === null) return unseen('The model has no route.');
    const epoch = await this.gateways.epochInForce(model);
    if (epoch === null || epoch < route.epoch) return unseen('The gateways do not say what they have in force.');
    // A lease that nobody renewed in time is void: the gateways have given the traffic back by themselves.
    if (route.confirmBy !== null && route.confirmBy <= this.clock.now())
      return { weight: 0, reason: 'Nobody confirmed the weight in time.', lapsed: true };
    return { weight: route.candidate === candidate ? route.weight : 0, reason: null, lapsed: false };
  }

  override async giveBack({ model }: TrafficOrder, champion: Digest): Promise<void> {
    const route = await this.routes.find(model);
    await this.routes.state({
      model,
      stable: champion,
      candidate: null,
      weight: 0,
      mirror: null,
      mirrorFraction: 0,
      salt: route?.salt ?? model,
      confirmBy: null,
    });
  }

  /** The promotion itself states the built-in route, in its own transaction. */
  override settle(): Promise<boolean> {
    return Promise.resolve(true);
  }
}

function unseen(reason: string): TrafficSight {
  return { weight: null, reason, lapsed: false };
}
