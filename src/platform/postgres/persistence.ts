import type { EntitySchema, MigrationInterface } from 'typeorm';

type Constructor<T> = new () => T;

/** What a stage hands to the data source: its tables and the migrations that make them. */
export interface Persistence {
  readonly entities: readonly (Constructor<object> | EntitySchema)[];
  readonly migrations: readonly Constructor<MigrationInterface>[];
}
