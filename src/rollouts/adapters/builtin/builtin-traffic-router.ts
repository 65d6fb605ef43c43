import { Injectable } from '@nestjs/common';
import { Clock, type Digest } from '../../../kernel/index.js';
import { GatewayStatus, RouteStore } from '../../../serving/index.js';
import { TrafficRouter } from '../../ports.js';

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

  override async setWeight(
    model: string,
    split: { champion: Digest; candidate: Digest; weight: number; salt: string; confirmBy: Date },
  ): Promise<void> {
    await this.routes.state({
      model,
      stable: split.champion,
      candidate: split.candidate,
      weight: split.weight,
      mirror: null,
      mirrorFraction: 0,
      salt: split.salt,
      confirmBy: split.confirmBy,
    });
  }

  override async actualWeight(model: string, candidate: Digest): Promise<number | null> {
    const route = await this.routes.find(model);
    if (route === null) return null;
    const epoch = await this.gateways.epochInForce(model);
    if (epoch === null || epoch < route.epoch) return null;
    // A lease that nobody renewed in time is void: the gateways have given the traffic back by themselves.
    if (route.confirmBy !== null && route.confirmBy <= this.clock.now()) return 0;
    return route.candidate === candidate ? route.weight : 0;
  }

  override async giveBack(model: string, champion: Digest): Promise<void> {
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
}
