import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { AggregateRow } from '../../../platform/postgres/index.js';

@Entity({ schema: 'rollouts', name: 'rollout' })
@Index('rollout_model', ['model', 'createdAt'])
@Index('rollout_phase', ['phase'])
export class RolloutRow extends AggregateRow {}

@Entity({ schema: 'rollouts', name: 'request' })
export class RequestRow {
  @PrimaryColumn('text') rollout!: string;
  @Column('text') verb!: string;
  @Column('text') requestedBy!: string;
  @Column('text') reason!: string;
}

@Entity({ schema: 'rollouts', name: 'decision' })
@Index('decision_at', ['at'])
export class DecisionRow {
  @PrimaryColumn('text') rollout!: string;
  @PrimaryColumn('integer') seq!: number;
  @Column('timestamptz') at!: Date;
  @Column('jsonb') before!: unknown;
  @Column('jsonb', { nullable: true }) observation!: unknown;
  @Column('jsonb') decision!: unknown;
  @Column('text') policy!: string;
  @Column('text') functions!: string;
}

@Entity({ schema: 'rollouts', name: 'sight' })
export class SightRow {
  @PrimaryColumn('text') rollout!: string;
  @Column('timestamptz') at!: Date;
  @Column('jsonb') readings!: unknown;
  @Column('timestamptz', { nullable: true }) confirmBy!: Date | null;
  @Column('text', { nullable: true }) actualReason!: string | null;
  @Column('text', { nullable: true }) routerError!: string | null;
  @Column('integer') closingAttempts!: number;
}
