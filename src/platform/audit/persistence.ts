import { ApiTokenRow } from '../http/adapters/postgres/api-token.row.js';
import { CreateApiToken1763700000510 } from '../http/adapters/postgres/migrations/1763700000510-create-api-token.js';
import { IdempotencyKeyRow } from '../http/adapters/postgres/idempotency-key.row.js';
import { CreateIdempotencyKey1763700000530 } from '../http/adapters/postgres/migrations/1763700000530-create-idempotency-key.js';
import type { Persistence } from '../postgres/index.js';
import { CreateAudit1763700000520 } from './adapters/postgres/migrations/1763700000520-create-audit.js';
import { AuditEntryRow, AuditHeadRow } from './adapters/postgres/rows.js';

/** API tokens, answers by key and the audit log. */
export const platformHttpPersistence: Persistence = {
  entities: [ApiTokenRow, IdempotencyKeyRow, AuditEntryRow, AuditHeadRow],
  migrations: [CreateApiToken1763700000510, CreateAudit1763700000520, CreateIdempotencyKey1763700000530],
};
