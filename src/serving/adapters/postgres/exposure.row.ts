import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** The first time that a request key came to a split. Written by bulk statements only. */
@Entity({ schema: 'serving', name: 'exposure' })
@Index('exposure_by_arm', ['salt', 'arm', 'crossed'])
export class ExposureRow {
  @PrimaryColumn('text') salt!: string;
  @PrimaryColumn('text') keyHash!: string;
  @Column('text') arm!: string;
  @Column('timestamptz') at!: Date;
  @Column('boolean', { default: false }) crossed!: boolean;
}
