import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { AggregateRow } from '../../../platform/postgres/index.js';

@Entity({ schema: 'promotions', name: 'promotion' })
@Index('promotion_model', ['model', 'createdAt'])
export class PromotionRow extends AggregateRow {}

@Entity({ schema: 'promotions', name: 'record' })
@Index('record_model', ['model', 'at'])
export class RecordRow {
  @PrimaryColumn('text') id!: string;
  @Column('text') model!: string;
  @Column('text') outcome!: string;
  @Column('text') decidedBy!: string;
  @Column('text') reason!: string;
  @Column('timestamptz') at!: Date;
  @Column('text') candidateVersion!: string;
  @Column('text') champion!: string;
  @Column('text') reference!: string;
  @Column('jsonb') evidence!: unknown;
}

@Entity({ schema: 'promotions', name: 'charge' })
@Index('charge_account', ['model', 'reference'])
export class ChargeRow {
  @PrimaryColumn('text') promotion!: string;
  @Column('text') model!: string;
  @Column('text') reference!: string;
  @Column('text') champion!: string;
  @Column('double precision') loss!: number;
  @Column('timestamptz') at!: Date;
}
