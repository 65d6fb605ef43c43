import { DataSource } from 'typeorm';
import { SnakeCaseNaming } from './naming.js';
import type { Persistence } from './persistence.js';
import { platformPersistence } from './platform-persistence.js';

/** What our sessions are called on the server. */
export const APPLICATION_NAME = 'ratchet';

/** Any constant will do, as long as every process of an installation uses the same. */
const MIGRATION_LOCK = 7_210_453;

/**
 * A data source over the platform's and the given stages' tables; not connected yet. A process that is stopped, or cut off,
 * within a transaction keeps its locks only for `idleTransactionMs`: then the server ends its session, and others go on.
 */
export function createDataSource(
  url: string,
  persistence: readonly Persistence[],
  poolSize = 12,
  idleTransactionMs = 10_000,
): DataSource {
  const all = [platformPersistence, ...persistence];
  return new DataSource({
    type: 'postgres',
    url,
    poolSize,
    entities: all.flatMap((part) => [...part.entities]),
    migrations: all.flatMap((part) => [...part.migrations]),
    migrationsTableName: 'ratchet_migration',
    migrationsTransactionMode: 'each',
    namingStrategy: new SnakeCaseNaming(),
    synchronize: false,
    logging: false,
    extra: {
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: idleTransactionMs,
      application_name: APPLICATION_NAME,
    },
  });
}

/** Connects and applies what migrations are missing; several processes may start at once. */
export async function connectAndMigrate(dataSource: DataSource): Promise<void> {
  await dataSource.initialize();
  const lock = dataSource.createQueryRunner();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await dataSource.runMigrations();
    await lock.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
  } finally {
    await lock.release();
  }
}

/** Statements that would make the schema what the entities say; empty when the migrations are complete. */
export async function schemaDrift(dataSource: DataSource): Promise<string[]> {
  const log = await dataSource.driver.createSchemaBuilder().log();
  return log.upQueries.map((query) => query.query);
}
