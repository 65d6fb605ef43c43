import type { Promotion, PromotionRecord } from './domain/promotion.js';

export abstract class PromotionStore {
  abstract find(id: string): Promise<Promotion | null>;
  abstract require(id: string): Promise<Promotion>;
  /** Newest first. */
  abstract list(model: string): Promise<Promotion[]>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(promotion: Promotion): Promise<Promotion>;
}

export abstract class RecordStore {
  /** Idempotent by id; a record is never changed. */
  abstract add(record: PromotionRecord): Promise<void>;
  abstract find(id: string): Promise<PromotionRecord | null>;
  /** Newest first. */
  abstract list(model: string): Promise<PromotionRecord[]>;
}
