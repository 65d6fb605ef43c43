import { Injectable } from '@nestjs/common';
import { AggregateTable, Database } from '../../../platform/postgres/index.js';
import type { Model } from '../../domain/model.js';
import { ModelStore } from '../../ports.js';

@Injectable()
export class PostgresModelStore extends ModelStore {
  private readonly table: AggregateTable<Model>;

  constructor(db: Database) {
    super();
    this.table = new AggregateTable<Model>(db, 'models.model', 'model');
  }

  override find(name: string): Promise<Model | null> {
    return this.table.find(name);
  }

  override require(name: string): Promise<Model> {
    return this.table.require(name);
  }

  override list(): Promise<Model[]> {
    return this.table.list({ limit: 10_000 });
  }

  override save(model: Model): Promise<Model> {
    return this.table.save(model);
  }
}
