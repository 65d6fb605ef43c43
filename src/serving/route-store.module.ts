import { Module } from '@nestjs/common';
import { PostgresRouteStore } from './adapters/postgres/route-store.js';
import { RouteStore } from './ports.js';

/** Wanted routes alone, for whoever only reads them: no engine is loaded with it. */
@Module({
  providers: [{ provide: RouteStore, useClass: PostgresRouteStore }],
  exports: [RouteStore],
})
export class RouteStoreModule {}
