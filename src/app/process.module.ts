import { type DynamicModule, Module, type Type } from '@nestjs/common';
import { AuditModule } from '../platform/audit/index.js';
import { ConfigModule, type ParsedSettings } from '../platform/config/index.js';
import { HttpModule } from '../platform/http/index.js';
import type { Database } from '../platform/postgres/index.js';
import { PassiveReconcileModule, ReconcileModule } from '../platform/reconcile/index.js';
import { ControlRole } from './control.module.js';
import { GatewayRole } from './gateway.module.js';
import { IngestRole } from './ingest.module.js';
import { RuntimeModule } from './runtime.module.js';
import { processSettings, type Role } from './settings.js';

const MODULES: Readonly<Record<Role, Type>> = { control: ControlRole, gateway: GatewayRole, ingest: IngestRole };

/** One process with the roles it is set to; all of them for a laptop or a small installation. */
@Module({})
export class ProcessModule {
  static forRoot(settings: ParsedSettings, db: Database): DynamicModule {
    const { roles } = settings.of(processSettings);
    return {
      module: ProcessModule,
      imports: [
        ConfigModule.forRoot(settings),
        RuntimeModule.forRoot(db),
        AuditModule,
        HttpModule,
        roles.includes('control') ? ReconcileModule : PassiveReconcileModule,
        ...roles.map((role) => MODULES[role]),
      ],
    };
  }
}
