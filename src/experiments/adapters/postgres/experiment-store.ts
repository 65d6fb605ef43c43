import { Injectable } from '@nestjs/common';
import { AggregateTable, Database } from '../../../platform/postgres/index.js';
import type { Experiment } from '../../domain/experiment.js';
import { ExperimentStore } from '../../ports.js';

const MOST_UNFINISHED = 10_000;

@Injectable()
export class PostgresExperimentStore extends ExperimentStore {
  private readonly table: AggregateTable<Experiment>;

  constructor(db: Database) {
    super();
    this.table = new AggregateTable<Experiment>(db, 'experiments.experiment', 'experiment');
  }
  override find(id: string): Promise<Experiment | null> {
    return this.table.find(id);
  }
  override require(id: string): Promise<Experiment> {
    return this.table.require(id);
  }
  override list(model: string): Promise<Experiment[]> {
    return this.table.list({ model });
  }
  override listUnfinished(model?: string): Promise<Experiment[]> {
    return this.table.list({
      ...(model !== undefined && { model }),
      phases: ['Waiting', 'Running'],
      limit: MOST_UNFINISHED,
    });
  }
  override save(experiment: Experiment): Promise<Experiment> {
    return this.table.save(experiment);
  }
}
