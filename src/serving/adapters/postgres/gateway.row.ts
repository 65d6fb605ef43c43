import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What one gateway has in force for one model, and when it was last heard of. */
@Entity({ schema: 'serving', name: 'gateway' })
export class GatewayRow {
  @PrimaryColumn('text') instance!: string;
  @PrimaryColumn('text') model!: string;
  @Column('integer') epoch!: number;
  @Column('text', { default: 'split' }) arm!: string;
  @Column('timestamptz') inForceAt!: Date;
  @Column('timestamptz') seenAt!: Date;
}
