import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity({ schema: 'platform', name: 'api_token' })
export class ApiTokenRow {
  @PrimaryColumn('text') id!: string;
  @Column('text') name!: string;
  @Column('text') role!: string;
  /** SHA-256 of the secret; the secret itself is kept nowhere. */
  @Column('bytea') hash!: Buffer;
  @Column('timestamptz') createdAt!: Date;
  @Column('timestamptz', { nullable: true }) expiresAt!: Date | null;
  @Column('timestamptz', { nullable: true }) lastUsedAt!: Date | null;
  @Column('timestamptz', { nullable: true }) revokedAt!: Date | null;
}
