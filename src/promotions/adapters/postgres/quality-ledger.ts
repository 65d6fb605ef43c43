import { Injectable } from '@nestjs/common';
import type { Digest } from '../../../kernel/index.js';
import { Database } from '../../../platform/postgres/index.js';
import { type Charge, QualityLedger } from '../../ports.js';

@Injectable()
export class PostgresQualityLedger extends QualityLedger {
  constructor(private readonly db: Database) {
    super();
  }

  override async charge(charge: Charge): Promise<void> {
    await this.db.query(
      `INSERT INTO promotions.charge (promotion, model, reference, champion, loss, at)
       VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (promotion) DO NOTHING`,
      [charge.promotion, charge.model, charge.reference, charge.champion, charge.loss, charge.at],
    );
  }

  override async list(model: string, reference: Digest): Promise<Charge[]> {
    return this.db.query<Charge>(
      `SELECT promotion, model, reference, champion, loss, at FROM promotions.charge
       WHERE model = $1 AND reference = $2 ORDER BY at DESC`,
      [model, reference],
    );
  }
}
