import type { Boundary } from '../../kernel/index.js';

/** A quoted name, as of the table "window", loses its quotes. Clauses as `DO UPDATE SET` name no schema, so they do not match. */
const WRITE = /\b(INSERT INTO|UPDATE|DELETE FROM)\s+([a-z_]+)\."?([a-z_]+)"?/;

const VERBS = { 'INSERT INTO': 'insert', UPDATE: 'update', 'DELETE FROM': 'delete' } as const;

/**
 * The name of the commit that a statement is when it runs outside a unit of work, `<schema>.<table>.<verb>`; null for what
 * only reads. A statement that writes several tables is called by the first.
 */
export function loneWrite(sql: string): Boundary | null {
  const [, verb, schema, table] = WRITE.exec(sql) ?? [];
  return verb === undefined ? null : `${schema}.${table}.${VERBS[verb as keyof typeof VERBS]}`;
}
