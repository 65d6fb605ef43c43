import { Global, Module } from '@nestjs/common';
import { AuditLog } from '../../kernel/index.js';
import { PostgresAuditLog } from './adapters/postgres/audit-log.js';
import { PostgresAuditReader } from './adapters/postgres/audit-reader.js';
import { AuditController } from './audit.controller.js';
import { AuditReader } from './audit-reader.js';

/** The audit log for every stage, and its pages. */
@Global()
@Module({
  controllers: [AuditController],
  providers: [
    { provide: AuditLog, useClass: PostgresAuditLog },
    { provide: AuditReader, useClass: PostgresAuditReader },
  ],
  exports: [AuditLog, AuditReader],
})
export class AuditModule {}
