import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { AggregateRow } from '../../../platform/postgres/index.js';

@Entity({ schema: 'rollouts', name: 'rollout' })
@Index('rollout_model', ['model', 'createdAt'])
export class RolloutRow extends AggregateRow {}

@Entity({ schema: 'rollouts', name: 'request' })
export class RequestRow {
  @PrimaryColumn('text') rollout!: string;
  @Column('text') verb!: string;
  @Column('text') requestedBy!: string;
  @Column('text') reason!: string;
}
