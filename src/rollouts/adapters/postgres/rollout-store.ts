import { Injectable } from '@nestjs/common';
import { terminalPhases } from '../../../kernel/index.js';
import { AggregateTable, Database } from '../../../platform/postgres/index.js';
import { type Rollout, ROLLOUT_TRANSITIONS, type RolloutStatus } from '../../domain/rollout.js';
import { RolloutStore } from '../../ports.js';

const MOST_UNFINISHED = 10_000;
const ENDED = terminalPhases<RolloutStatus['phase']>(ROLLOUT_TRANSITIONS);
const OPEN = (Object.keys(ROLLOUT_TRANSITIONS) as RolloutStatus['phase'][]).filter((phase) => !ENDED.includes(phase));

@Injectable()
export class PostgresRolloutStore extends RolloutStore {
  private readonly table: AggregateTable<Rollout>;

  constructor(db: Database) {
    super();
    this.table = new AggregateTable<Rollout>(db, 'rollouts.rollout', 'rollout');
  }

  override find(id: string): Promise<Rollout | null> {
    return this.table.find(id);
  }

  override require(id: string): Promise<Rollout> {
    return this.table.require(id);
  }

  override list(model: string): Promise<Rollout[]> {
    return this.table.list({ model });
  }

  override listUnfinished(): Promise<Rollout[]> {
    return this.table.list({ phases: OPEN, limit: MOST_UNFINISHED });
  }

  override save(rollout: Rollout): Promise<Rollout> {
    return this.table.save(rollout);
  }
}
