import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** An attempt that runs on another machine: what it may read, who it is, and what it told. */
@Entity({ schema: 'jobs', name: 'attempt' })
export class AttemptRow {
  @PrimaryColumn('text') name!: string;
  @Column('jsonb') document!: object;
  /** SHA-256 of its token; null once the token is void. */
  @Index('attempt_by_token', { unique: true })
  @Column('bytea', { nullable: true })
  tokenHash!: Buffer | null;
  @Column('timestamptz') openedAt!: Date;
  /** A token that was never used is good until then: how long an attempt may wait for a machine. */
  @Column('timestamptz') unusedUntil!: Date;
  @Column('timestamptz', { nullable: true }) firstUsedAt!: Date | null;
  /** Set at the first use. */
  @Column('timestamptz', { nullable: true }) expiresAt!: Date | null;
  @Column('timestamptz', { nullable: true }) closedAt!: Date | null;
  @Column('timestamptz', { nullable: true }) heartbeatAt!: Date | null;
  @Column('jsonb', { nullable: true }) progress!: object | null;
  @Column('text') logTail!: string;
  /** What it says that it has written; what was really sent is in the parts. */
  @Column('bigint') outputBytes!: string;
  @Column('bytea', { nullable: true }) report!: Buffer | null;
  @Column('integer', { nullable: true }) exitCode!: number | null;
  @Column('text', { nullable: true }) error!: string | null;
  @Column('timestamptz', { nullable: true }) endedAt!: Date | null;
}

/** Bytes that arrived in one call. */
@Entity({ schema: 'jobs', name: 'attempt_part' })
export class AttemptPartRow {
  @PrimaryColumn('text') attempt!: string;
  @PrimaryColumn('text') digest!: string;
  @Column('bigint') sizeBytes!: string;
}

/** A file that is whole: its parts were put together and have its digest. */
@Entity({ schema: 'jobs', name: 'attempt_file' })
export class AttemptFileRow {
  @PrimaryColumn('text') attempt!: string;
  @PrimaryColumn('text') file!: string;
  @Column('text') digest!: string;
  @Column('bigint') sizeBytes!: string;
}
