import { Check, Column, Entity, PrimaryColumn } from 'typeorm';

/** One row: who this installation is to the outside. */
@Entity({ schema: 'jobs', name: 'installation' })
@Check('installation_only_check', 'only')
export class InstallationRow {
  @PrimaryColumn('boolean', { default: true }) only!: boolean;
  @Column('uuid') id!: string;
}
