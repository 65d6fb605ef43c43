import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import pg from 'pg';
import { connectAndMigrate, createDataSource } from '../data-source.js';
import { Database } from '../database.js';
import { startEmbeddedPostgres, stopEmbeddedPostgres } from '../embedded-postgres.js';
import type { Persistence } from '../persistence.js';

/** Where the test cluster lives; `npm test` stops it at its end. */
export const TEST_CLUSTER_FOLDER = resolve(import.meta.dirname, '../../../../.ratchet/test-postgres');

export interface TestDatabase {
  readonly db: Database;
  readonly url: string;
  /** Closes the pool and drops the database. */
  close(): Promise<void>;
}

/** A fresh, migrated database on a real PostgreSQL: `DATABASE_URL`'s server when set, else the embedded one. */
export async function openTestDatabase(
  persistence: readonly Persistence[],
  clusterFolder = TEST_CLUSTER_FOLDER,
): Promise<TestDatabase> {
  const server = process.env['DATABASE_URL'] ?? (await embeddedServer(clusterFolder));
  const name = `test_${randomBytes(6).toString('hex')}`;
  await admin(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const dataSource = createDataSource(url.href, persistence, 6);
  await connectAndMigrate(dataSource);
  return {
    db: new Database(dataSource),
    url: url.href,
    close: async () => {
      await dataSource.destroy();
      await admin(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** Stops the embedded server of a cluster folder; no-op when none runs there. */
export function stopTestCluster(clusterFolder = TEST_CLUSTER_FOLDER): Promise<void> {
  return stopEmbeddedPostgres(clusterFolder);
}

async function embeddedServer(clusterFolder: string): Promise<string> {
  // Durability is not under test here, speed is wanted.
  const server = await startEmbeddedPostgres(clusterFolder, [
    'fsync=off',
    'synchronous_commit=off',
    'full_page_writes=off',
  ]);
  return server.url;
}

async function admin(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
