import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { AggregateRow } from '../../../platform/postgres/index.js';

@Entity({ schema: 'models', name: 'model' })
export class ModelRow extends AggregateRow {}

@Entity({ schema: 'models', name: 'version' })
export class VersionRow {
  @PrimaryColumn('text') model!: string;
  @PrimaryColumn('text') digest!: string;
  @Column('text') kind!: string;
  @Column('text', { nullable: true }) parent!: string | null;
  @Column('text') reference!: string;
  @Column('text', { nullable: true }) recipe!: string | null;
  @Column('text', { nullable: true }) snapshot!: string | null;
  @Column('jsonb', { nullable: true }) data!: object | null;
  @Column('text', { nullable: true }) job!: string | null;
  @Column('bigint') sizeBytes!: string;
  @Column('timestamptz') createdAt!: Date;
}

@Entity({ schema: 'models', name: 'champion_period' })
@Index('champion_period_current', ['model'], { unique: true, where: 'until IS NULL' })
@Index('champion_period_promotion', ['promotion'], { unique: true, where: 'promotion IS NOT NULL' })
export class ChampionPeriodRow {
  @PrimaryColumn('text') model!: string;
  /** 1, 2, … within the model; also the order of two periods that began in the same millisecond. */
  @PrimaryColumn('integer') number!: number;
  @Column('text') champion!: string;
  @Column('text') reference!: string;
  @Column('timestamptz') since!: Date;
  @Column('timestamptz', { nullable: true }) until!: Date | null;
  @Column('text', { nullable: true }) promotion!: string | null;
  @Column('jsonb') profile!: unknown;
}

@Entity({ schema: 'models', name: 'change_lock' })
export class ChangeLockRow {
  @PrimaryColumn('text') model!: string;
  @Column('text') holder!: string;
  @Column('timestamptz') acquiredAt!: Date;
}
