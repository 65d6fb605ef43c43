import { connectAndMigrate, createDataSource, Database } from '../platform/postgres/index.js';
import { startEmbeddedPostgres } from '../platform/postgres/embedded-postgres.js';
import type { SettingsOf } from '../platform/config/index.js';
import { log } from '../platform/observability/index.js';
import { PERSISTENCE } from './stages.js';
import type { databaseSettings } from './settings.js';

export interface OpenDatabase {
  readonly db: Database;
  /** Closes the pool, and stops the embedded server when there is one that nobody else uses. */
  close(): Promise<void>;
  /** For a start that failed: a server that ran before may be in use by the program that runs already. */
  giveUp(): Promise<void>;
}

/** Connects to the configured PostgreSQL, or to the embedded one, and brings the schema up to date. */
export async function openDatabase(settings: SettingsOf<typeof databaseSettings>): Promise<OpenDatabase> {
  const embedded = settings.url === undefined ? await startEmbeddedPostgres(settings.folder) : null;
  const dataSource = createDataSource(settings.url ?? embedded?.url ?? '', PERSISTENCE, settings.poolSize, settings);
  await connectAndMigrate(dataSource);
  log.info({ embedded: embedded !== null, adopted: embedded?.adopted ?? false }, 'database is ready');
  return {
    db: new Database(dataSource),
    close: async () => {
      await dataSource.destroy();
      await embedded?.stopUnlessShared();
    },
    giveUp: async () => {
      await dataSource.destroy();
      if (embedded?.adopted === false) await embedded.stop();
    },
  };
}
