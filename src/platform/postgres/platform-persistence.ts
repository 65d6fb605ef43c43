import { Column, Entity, Index, type MigrationInterface, PrimaryColumn, type QueryRunner } from 'typeorm';
import type { Persistence } from './persistence.js';

@Entity({ schema: 'platform', name: 'work_item' })
@Index('work_item_due', ['kind', 'dueAt'], { where: 'lease_until IS NULL' })
@Index('work_item_leased', ['kind', 'leaseUntil'], { where: 'lease_until IS NOT NULL' })
export class WorkItemRow {
  @PrimaryColumn('text') kind!: string;
  @PrimaryColumn('text') key!: string;
  /** `infinity` while nobody wants it to run. */
  @Column('timestamptz') dueAt!: Date;
  @Column('integer', { default: 0 }) attempts!: number;
  @Column('timestamptz', { nullable: true }) leaseUntil!: Date | null;
  @Column('text', { nullable: true }) leaseHolder!: string | null;
  /** Set when a pass said that trying again is of no use. */
  @Column('text', { nullable: true }) parkedReason!: string | null;
}

@Entity({ schema: 'platform', name: 'outbox' })
@Index('outbox_undelivered', ['sequence'], { where: 'delivered_at IS NULL' })
export class OutboxRow {
  @PrimaryColumn('bigint', { generated: 'increment' }) sequence!: string;
  @Column('text') id!: string;
  @Column('text') name!: string;
  @Column('jsonb') data!: unknown;
  @Column('timestamptz') at!: Date;
  @Column('integer', { default: 0 }) attempts!: number;
  @Column('timestamptz') nextTryAt!: Date;
  @Column('timestamptz', { nullable: true }) deliveredAt!: Date | null;
}

class CreatePlatform1763700000000 implements MigrationInterface {
  readonly name = 'CreatePlatform1763700000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE SCHEMA IF NOT EXISTS platform');
    await runner.query(`CREATE TABLE platform.work_item (
      kind text NOT NULL,
      key text NOT NULL,
      due_at timestamptz NOT NULL,
      attempts integer NOT NULL DEFAULT 0,
      lease_until timestamptz,
      lease_holder text,
      parked_reason text,
      CONSTRAINT "PK_work_item" PRIMARY KEY (kind, key))`);
    await runner.query('CREATE INDEX work_item_due ON platform.work_item (due_at)');
    await runner.query(`CREATE TABLE platform.outbox (
      sequence bigserial NOT NULL PRIMARY KEY,
      id text NOT NULL,
      name text NOT NULL,
      data jsonb NOT NULL,
      at timestamptz NOT NULL,
      attempts integer NOT NULL DEFAULT 0,
      next_try_at timestamptz NOT NULL,
      delivered_at timestamptz)`);
    await runner.query('CREATE INDEX outbox_undelivered ON platform.outbox (sequence) WHERE delivered_at IS NULL');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE platform.outbox');
    await runner.query('DROP TABLE platform.work_item');
  }
}

/**
 * What is due is looked for by kind: with thousands of models the others' rows are most of the table. The indexes answer the
 * whole condition, so that the planner takes them also when its statistics are of a moment when the queue was empty.
 */
class DueByKind1763701100000 implements MigrationInterface {
  readonly name = 'DueByKind1763701100000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX platform.work_item_due');
    await runner.query('CREATE INDEX work_item_due ON platform.work_item (kind, due_at) WHERE lease_until IS NULL');
    await runner.query(
      'CREATE INDEX work_item_leased ON platform.work_item (kind, lease_until) WHERE lease_until IS NOT NULL',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX platform.work_item_leased');
    await runner.query('DROP INDEX platform.work_item_due');
    await runner.query('CREATE INDEX work_item_due ON platform.work_item (due_at)');
  }
}

/** The work queue and the outbox: tables that belong to no stage. */
export const platformPersistence: Persistence = {
  entities: [WorkItemRow, OutboxRow],
  migrations: [CreatePlatform1763700000000, DueByKind1763701100000],
};
