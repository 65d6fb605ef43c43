import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { connectAndMigrate, createDataSource } from '../data-source.js';
import { Database } from '../database.js';
import { startEmbeddedPostgres } from '../embedded-postgres.js';
import type { Persistence } from '../persistence.js';

/** Where the test cluster lives; the test run's global teardown stops it. */
export const TEST_CLUSTER_FOLDER = resolve(import.meta.dirname, '../../../../.ratchet/test-postgres');

export interface TestDatabase {
  readonly db: Database;
  readonly url: string;
  /** Closes the pool and drops the database. */
  close(): Promise<void>;
}

/** A fresh, migrated database on a real PostgreSQL: `DATABASE_URL`'s server when set, else the embedded one. */
export async function openTestDatabase(persistence: readonly Persistence[]): Promise<TestDatabase> {
  const server = process.env['DATABASE_URL'] ?? (await embeddedServer());
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

async function embeddedServer(): Promise<string> {
  // Durability is not under test here, speed is wanted.
  const server = await startEmbeddedPostgres(join(TEST_CLUSTER_FOLDER), [
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
