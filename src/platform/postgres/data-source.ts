import { DataSource } from 'typeorm';
import { SnakeCaseNaming } from './naming.js';
import type { Persistence } from './persistence.js';
import { platformPersistence } from './platform-persistence.js';
import { watchedClient } from './watched-client.js';

/** What our sessions are called on the server. */
export const APPLICATION_NAME = 'ratchet';

/** Any constant will do, as long as every process of an installation uses the same. */
const MIGRATION_LOCK = 7_210_453;

/** What the server's word that it gave a statement up may take to arrive. */
const ANSWER_GRACE_MS = 2_000;

/** How patient a process is with its database; all in milliseconds. */
export interface DatabasePatience {
  /** A process that is stopped, or cut off, within a transaction keeps its locks so long: then the server ends its session. */
  readonly idleTransactionMs: number;
  /** The server gives up a statement that takes longer; when not even that is heard, the connection is given up. */
  readonly statementMs: number;
  /** So long one waits for a connection, be it a new one or one of the pool's. */
  readonly connectMs: number;
}

const PATIENCE: DatabasePatience = { idleTransactionMs: 10_000, statementMs: 30_000, connectMs: 10_000 };

/** A data source over the platform's and the given stages' tables; not connected yet. */
export function createDataSource(
  url: string,
  persistence: readonly Persistence[],
  poolSize = 12,
  patience: DatabasePatience = PATIENCE,
): DataSource {
  const all = [platformPersistence, ...persistence];
  return new DataSource({
    type: 'postgres',
    url,
    poolSize,
    connectTimeoutMS: patience.connectMs,
    entities: all.flatMap((part) => [...part.entities]),
    migrations: all.flatMap((part) => [...part.migrations]),
    migrationsTableName: 'ratchet_migration',
    migrationsTransactionMode: 'each',
    namingStrategy: new SnakeCaseNaming(),
    synchronize: false,
    logging: false,
    extra: {
      Client: watchedClient(patience.statementMs + ANSWER_GRACE_MS),
      keepAlive: true,
      statement_timeout: patience.statementMs,
      idle_in_transaction_session_timeout: patience.idleTransactionMs,
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
