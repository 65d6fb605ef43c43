import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

@Entity({ schema: 'platform', name: 'idempotency_key' })
@Index('idempotency_key_at', ['at'])
export class IdempotencyKeyRow {
  @PrimaryColumn('text') actor!: string;
  @PrimaryColumn('text') key!: string;
  @Column('text') hash!: string;
  @Column('integer') status!: number;
  @Column('text', { nullable: true }) body!: string | null;
  @Column('timestamptz') at!: Date;
}
