import 'reflect-metadata';
import { resolve } from 'node:path';
import { openTestDatabase, stopTestCluster } from '../platform/postgres/testing/index.js';
import { schemaDrift } from '../platform/postgres/index.js';
import { PERSISTENCE } from './stages.js';

/** Migrates an empty database and says where the entities want another schema; exit code 1 when they do. */
// A cluster of its own, because it is stopped at the end and tests may be running beside it.
const cluster = resolve(import.meta.dirname, '../../.ratchet/schema-check');
const test = await openTestDatabase(PERSISTENCE, cluster);
try {
  const drift = await schemaDrift(test.db.dataSource);
  for (const statement of drift) process.stdout.write(`${statement};\n`);
  process.stdout.write(
    drift.length === 0 ? 'migrations and entities agree\n' : `${drift.length} statements of drift\n`,
  );
  process.exitCode = drift.length === 0 ? 0 : 1;
} finally {
  await test.close();
  await stopTestCluster(cluster);
}
