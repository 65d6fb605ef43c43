import { Injectable } from '@nestjs/common';
import { Clock } from '../../../kernel/index.js';
import { Database } from '../../../platform/postgres/index.js';
import { boundWish, type EvidenceWish } from '../../domain/evidence-wish.js';
import { EvidenceRequests } from '../../ports.js';

@Injectable()
export class PostgresEvidenceRequests extends EvidenceRequests {
  constructor(
    private readonly db: Database,
    private readonly clock: Clock,
  ) {
    super();
  }

  override async request(model: string, wish: EvidenceWish): Promise<void> {
    const now = this.clock.now();
    const { samples, reason, until } = boundWish(wish, now);
    // What is void is overwritten, what is in force is never lowered.
    await this.db.query(
      `INSERT INTO monitors.evidence_request AS known (model, samples, reason, until) VALUES ($1, $2, $3, $4)
       ON CONFLICT (model) DO UPDATE SET
         samples = CASE WHEN known.until > $5 THEN greatest(known.samples, excluded.samples) ELSE excluded.samples END,
         until = CASE WHEN known.until > $5 THEN greatest(known.until, excluded.until) ELSE excluded.until END,
         reason = excluded.reason`,
      [model, samples, reason, until, now],
    );
  }

  override async current(model: string): Promise<EvidenceWish | null> {
    const rows = await this.db.query<EvidenceWish>(
      'SELECT samples, reason, until FROM monitors.evidence_request WHERE model = $1 AND until > $2',
      [model, this.clock.now()],
    );
    return rows[0] ?? null;
  }
}
