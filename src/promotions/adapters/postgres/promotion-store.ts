import { Injectable } from '@nestjs/common';
import { AggregateTable, Database } from '../../../platform/postgres/index.js';
import type { Promotion } from '../../domain/promotion.js';
import { PromotionStore } from '../../ports.js';

const MOST_UNFINISHED = 10_000;

@Injectable()
export class PostgresPromotionStore extends PromotionStore {
  private readonly table: AggregateTable<Promotion>;

  constructor(db: Database) {
    super();
    this.table = new AggregateTable<Promotion>(db, 'promotions.promotion', 'promotion');
  }

  override find(id: string): Promise<Promotion | null> {
    return this.table.find(id);
  }

  override require(id: string): Promise<Promotion> {
    return this.table.require(id);
  }

  override list(model: string): Promise<Promotion[]> {
    return this.table.list({ model });
  }

  override listUnfinished(): Promise<Promotion[]> {
    return this.table.list({ phases: ['AwaitingApproval'], limit: MOST_UNFINISHED });
  }

  override save(promotion: Promotion): Promise<Promotion> {
    return this.table.save(promotion);
  }
}
