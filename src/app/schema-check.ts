import 'reflect-metadata';
import { openTestDatabase } from '../platform/postgres/testing/index.js';
import { schemaDrift } from '../platform/postgres/index.js';
import { PERSISTENCE } from './stages.js';

/** Migrates an empty database and says where the entities want another schema; exit code 1 when they do. */
const test = await openTestDatabase(PERSISTENCE);
try {
  const drift = await schemaDrift(test.db.dataSource);
  for (const statement of drift) process.stdout.write(`${statement};\n`);
  process.stdout.write(
    drift.length === 0 ? 'migrations and entities agree\n' : `${drift.length} statements of drift\n`,
  );
  process.exitCode = drift.length === 0 ? 0 : 1;
} finally {
  await test.close();
}
