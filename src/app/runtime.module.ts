import { type DynamicModule, Module } from '@nestjs/common';
import { Clock, Ids, UnitOfWork } from '../kernel/index.js';
import { ReadinessRegistry } from '../platform/observability/index.js';
import { Database } from '../platform/postgres/index.js';
import { SystemClock, UuidIds } from '../platform/runtime/index.js';

/** What every module may inject: the database, time, ids and the readiness checks. */
@Module({})
export class RuntimeModule {
  static forRoot(db: Database): DynamicModule {
    const providers = [
      { provide: Database, useValue: db },
      { provide: UnitOfWork, useExisting: Database },
      { provide: Clock, useClass: SystemClock },
      { provide: Ids, useClass: UuidIds },
      ReadinessRegistry,
    ];
    return {
      module: RuntimeModule,
      global: true,
      providers,
      exports: [Database, UnitOfWork, Clock, Ids, ReadinessRegistry],
    };
  }
}
