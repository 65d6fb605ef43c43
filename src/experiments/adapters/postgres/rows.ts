import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { AggregateRow } from '../../../platform/postgres/index.js';

@Entity({ schema: 'experiments', name: 'experiment' })
@Index('experiment_by_model', ['model', 'createdAt'])
@Index('experiment_by_phase', ['phase'])
export class ExperimentRow extends AggregateRow {}

@Entity({ schema: 'experiments', name: 'entered_pair' })
@Index('entered_pair_once', ['experiment', 'requestId'], { unique: true })
export class EnteredPairRow {
  @PrimaryColumn('text') experiment!: string;
  @PrimaryColumn('integer') position!: number;
  @Column('text') requestId!: string;
  @Column('timestamptz') at!: Date;
  @Column('double precision') difference!: number;
  @Column('text') truth!: string;
}

@Entity({ schema: 'experiments', name: 'progress' })
export class ProgressRow {
  @PrimaryColumn('text') experiment!: string;
  @Column('jsonb') progress!: unknown;
}
