import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity({ schema: 'platform', name: 'audit_entry' })
export class AuditEntryRow {
  @PrimaryColumn('bigint') seq!: string;
  @Column('timestamptz') at!: Date;
  @Column('text') actor!: string;
  @Column('text') role!: string;
  @Column('text') action!: string;
  @Column('text') subject!: string;
  @Column('text') reason!: string;
  @Column('jsonb') detail!: unknown;
  @Column('bytea') prevHash!: Buffer;
  @Column('bytea') hash!: Buffer;
}

/** Where the chain ends, so that cutting off its newest entries is seen as well. */
@Entity({ schema: 'platform', name: 'audit_head' })
export class AuditHeadRow {
  @PrimaryColumn('boolean') one!: boolean;
  @Column('bigint') seq!: string;
  @Column('bytea') hash!: Buffer;
}
