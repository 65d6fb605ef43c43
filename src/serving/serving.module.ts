import { Module } from '@nestjs/common';
import { GatewayModule } from './gateway.module.js';
import { RoutesModule } from './routes.module.js';

/** The whole stage: routes, scoring and the built-in data plane. Where another data plane serves, `RoutesModule` is enough. */
@Module({ imports: [RoutesModule, GatewayModule], exports: [RoutesModule] })
export class ServingModule {}
