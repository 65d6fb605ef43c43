import type { Database } from '../../../platform/postgres/index.js';

/** The id of this installation: made with its database, the same for every process that uses it. */
export async function installationId(db: Database): Promise<string> {
  const [row] = await db.query<{ id: string }>('SELECT id::text AS id FROM jobs.installation');
  if (row === undefined) throw new Error('The database has lost the id of its installation.');
  return row.id;
}
