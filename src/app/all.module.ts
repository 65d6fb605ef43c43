import { type DynamicModule, Module } from '@nestjs/common';
import { AuditModule } from '../platform/audit/index.js';
import { ConfigModule, type ParsedSettings } from '../platform/config/index.js';
import { HttpModule } from '../platform/http/index.js';
import type { Database } from '../platform/postgres/index.js';
import { ReconcileModule } from '../platform/reconcile/index.js';
import { RuntimeModule } from './runtime.module.js';
import { STAGE_MODULES } from './stages.js';

/** The role `all`: control plane, gateway and telemetry in one process, for a laptop or a small installation. */
@Module({})
export class AllModule {
  static forRoot(settings: ParsedSettings, db: Database): DynamicModule {
    return {
      module: AllModule,
      imports: [
        ConfigModule.forRoot(settings),
        RuntimeModule.forRoot(db),
        AuditModule,
        HttpModule,
        ReconcileModule,
        ...STAGE_MODULES,
      ],
    };
  }
}
