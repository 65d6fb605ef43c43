import { Injectable } from '@nestjs/common';
import { AggregateTable, Database } from '../../../platform/postgres/index.js';
import type { Trigger, TriggerDecision } from '../../domain/trigger.js';
import { TriggerStore } from '../../ports.js';

@Injectable()
export class PostgresTriggerStore extends TriggerStore {
  private readonly table: AggregateTable<Trigger>;

  constructor(private readonly db: Database) {
    super();
    this.table = new AggregateTable<Trigger>(db, 'triggers.trigger', 'trigger');
  }

  override find(id: string): Promise<Trigger | null> {
    return this.table.find(id);
  }

  override require(id: string): Promise<Trigger> {
    return this.table.require(id);
  }

  override list(model: string): Promise<Trigger[]> {
    return this.table.list({ model });
  }

  override save(trigger: Trigger): Promise<Trigger> {
    return this.table.save(trigger);
  }

  override async recordDecision(decision: TriggerDecision): Promise<void> {
    const { model, at, action, cause, reasons, trigger } = decision;
    await this.db.query(
      'INSERT INTO triggers.decision (model, at, action, cause, reasons, trigger) VALUES ($1, $2, $3, $4, $5, $6)',
      [model, at, action, cause, JSON.stringify(reasons), trigger],
    );
  }

  override decisions(model: string, limit: number): Promise<TriggerDecision[]> {
    return this.db.query<TriggerDecision>(
      `SELECT model, at, action, cause, reasons, trigger FROM triggers.decision
       WHERE model = $1 ORDER BY number DESC LIMIT $2`,
      [model, limit],
    );
  }
}
