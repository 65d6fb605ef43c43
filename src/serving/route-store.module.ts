import { Module } from '@nestjs/common';
import { PostgresExposureLog } from './adapters/postgres/exposure-log.js';
import { PostgresRouteStore } from './adapters/postgres/route-store.js';
import { ExposureLog, RouteStore } from './ports.js';

/** Wanted routes alone, for whoever only reads them: no engine is loaded with it. */
@Module({
  providers: [
    { provide: RouteStore, useClass: PostgresRouteStore },
    { provide: ExposureLog, useClass: PostgresExposureLog },
  ],
  exports: [RouteStore, ExposureLog],
})
export class RouteStoreModule {}
