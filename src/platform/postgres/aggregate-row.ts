import { Column, PrimaryColumn } from 'typeorm';

/** The columns that every aggregate's table has; `AggregateTable` reads and writes them. */
export abstract class AggregateRow {
  @PrimaryColumn('text') id!: string;
  @Column('text') model!: string;
  @Column('text') phase!: string;
  @Column('jsonb') spec!: unknown;
  @Column('jsonb') status!: unknown;
  @Column('integer') revision!: number;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz') updatedAt!: Date;
}

/** The same columns for a migration: `CREATE TABLE x.y (${AGGREGATE_COLUMNS})`. */
export const AGGREGATE_COLUMNS = `
  id text NOT NULL PRIMARY KEY,
  model text NOT NULL,
  phase text NOT NULL,
  spec jsonb NOT NULL,
  status jsonb NOT NULL,
  revision integer NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL`;
