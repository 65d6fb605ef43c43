import { Module } from '@nestjs/common';
import { Clock } from '../kernel/index.js';
import { ClusterConnection, KubernetesModule } from '../platform/kubernetes/index.js';
import { GatewayStatus, RouteStore } from '../serving/index.js';
import { RoutesModule } from '../serving/routes.module.js';
import { BuiltinTrafficRouter } from './adapters/builtin/builtin-traffic-router.js';
import { PinnedGateways } from './adapters/builtin/pinned-gateways.js';
import { ClusterRoutes } from './adapters/kubernetes/cluster-routes.js';
import { KServeRouter } from './adapters/kubernetes/kserve-router.js';
import { WeightedRouteRouter } from './adapters/kubernetes/weighted-route-router.js';
import { RoutedTraffic } from './adapters/routed/routed-traffic.js';
import { WebhookRouter } from './adapters/webhook/webhook-router.js';
import { TrafficRouter } from './ports.js';
import { rolloutsSettings, type RolloutsSettings } from './settings.js';

/** The routers of every kind of target, behind one port. */
@Module({
  imports: [RoutesModule, KubernetesModule],
  providers: [
    {
      provide: TrafficRouter,
      inject: [RouteStore, GatewayStatus, ClusterConnection, Clock, rolloutsSettings.token],
      useFactory: (
        routes: RouteStore,
        gateways: GatewayStatus,
        connection: ClusterConnection,
        clock: Clock,
        settings: RolloutsSettings,
      ) => {
        const cluster = new ClusterRoutes(connection);
        const weighted = new WeightedRouteRouter(cluster, new PinnedGateways(routes, gateways), clock);
        return new RoutedTraffic({
          builtin: new BuiltinTrafficRouter(routes, gateways, clock),
          'http-route': weighted,
          istio: weighted,
          kserve: new KServeRouter(cluster, clock, settings.kserveStorageUri),
          webhook: new WebhookRouter(settings, clock),
        });
      },
    },
  ],
  exports: [TrafficRouter],
})
export class TrafficModule {}
