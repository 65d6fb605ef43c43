import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The wanted route of a model. */
@Entity({ schema: 'serving', name: 'route' })
export class RouteRow {
  @PrimaryColumn('text') model!: string;
  @Column('text') stable!: string;
  @Column('text', { nullable: true }) candidate!: string | null;
  @Column('double precision') weight!: number;
  @Column('text', { nullable: true }) mirror!: string | null;
  @Column('double precision') mirrorFraction!: number;
  @Column('text') salt!: string;
  @Column('integer') epoch!: number;
  @Column('timestamptz', { nullable: true }) confirmBy!: Date | null;
  @Column('boolean', { default: false }) exposures!: boolean;
}
