import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { AggregateRow } from '../../../platform/postgres/index.js';

@Entity({ schema: 'experiments', name: 'experiment' })
@Index('experiment_model', ['model', 'createdAt'])
export class ExperimentRow extends AggregateRow {}

@Entity({ schema: 'experiments', name: 'pair' })
@Index('pair_order', ['experiment', 'sequence'], { unique: true })
export class PairRow {
  @PrimaryColumn('text') experiment!: string;
  @PrimaryColumn('text') requestId!: string;
  @Column('bigint') sequence!: string;
  @Column('smallint') difference!: number;
  @Column('text') truth!: string;
  @Column('timestamptz') at!: Date;
}
