import { Injectable } from '@nestjs/common';
import { AggregateTable, Database, reviveDates } from '../../../platform/postgres/index.js';
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
    const { model, at, action, cause, row, reasons, until, evidence, trigger } = decision;
    await this.db.query(
      `INSERT INTO triggers.decision (model, at, action, cause, table_row, reasons, until, evidence, trigger)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [model, at, action, cause, row, JSON.stringify(reasons), until, evidence && JSON.stringify(evidence), trigger],
    );
  }

  override async decisions(model: string, limit: number): Promise<TriggerDecision[]> {
    const rows = await this.db.query<TriggerDecision>(
      `SELECT model, at, action, cause, table_row AS row, reasons, until, evidence, trigger FROM triggers.decision
       WHERE model = $1 ORDER BY number DESC LIMIT $2`,
      [model, limit],
    );
    return rows.map((row) => ({ ...row, evidence: reviveDates(row.evidence) as TriggerDecision['evidence'] }));
  }
}
