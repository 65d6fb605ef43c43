import { Injectable } from '@nestjs/common';
import { NotFound } from '../../../kernel/index.js';
import { Database, reviveDates } from '../../../platform/postgres/index.js';
import type { PromotionRecord } from '../../domain/promotion.js';
import { RecordStore } from '../../ports.js';

const COLUMNS = `id, model, outcome, decided_by AS "decidedBy", reason, at, candidate_version AS "candidateVersion",
  champion, reference, evidence`;

@Injectable()
export class PostgresRecordStore extends RecordStore {
  constructor(private readonly db: Database) {
    super();
  }

  override async add(record: PromotionRecord): Promise<boolean> {
    const rows = await this.db.affected(
      `INSERT INTO promotions.record
         (id, model, outcome, decided_by, reason, at, candidate_version, champion, reference, evidence)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING`,
      [
        ...[record.id, record.model, record.outcome, record.decidedBy, record.reason, record.at],
        ...[record.candidateVersion, record.champion, record.reference, JSON.stringify(record.evidence)],
      ],
    );
    return rows === 1;
  }

  override async find(id: string): Promise<PromotionRecord | null> {
    const rows = await this.db.query<PromotionRecord>(`SELECT ${COLUMNS} FROM promotions.record WHERE id = $1`, [id]);
    return rows[0] === undefined ? null : toRecord(rows[0]);
  }

  override async require(id: string): Promise<PromotionRecord> {
    const found = await this.find(id);
    if (found === null) throw new NotFound('record', id);
    return found;
  }

  override async list(model: string): Promise<PromotionRecord[]> {
    const rows = await this.db.query<PromotionRecord>(
      `SELECT ${COLUMNS} FROM promotions.record WHERE model = $1 ORDER BY at DESC, id DESC LIMIT 200`,
      [model],
    );
    return rows.map(toRecord);
  }
}

function toRecord(row: PromotionRecord): PromotionRecord {
  return { ...row, evidence: reviveDates(row.evidence) as PromotionRecord['evidence'] };
}
