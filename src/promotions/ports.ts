import type { Digest } from '../kernel/index.js';
import type { Promotion, PromotionRecord } from './domain/promotion.js';

export abstract class PromotionStore {
  abstract find(id: string): Promise<Promotion | null>;
  /** @throws NotFound */
  abstract require(id: string): Promise<Promotion>;
  /** Newest first. */
  abstract list(model: string): Promise<Promotion[]>;
  abstract listUnfinished(): Promise<Promotion[]>;
  /** Inserts (revision 0, idempotent by id) or saves with optimistic revision. @throws RevisionConflict */
  abstract save(promotion: Promotion): Promise<Promotion>;
}

export abstract class RecordStore {
  /** Idempotent by id; a record is never changed. True when it was new. */
  abstract add(record: PromotionRecord): Promise<boolean>;
  abstract find(id: string): Promise<PromotionRecord | null>;
  /** @throws NotFound */
  abstract require(id: string): Promise<PromotionRecord>;
  /** Newest first. */
  abstract list(model: string): Promise<PromotionRecord[]>;
}

/** What one promotion cost of the quality budget. */
export interface Charge {
  readonly promotion: string;
  readonly model: string;
  /** The account: losses are measured against this version. */
  readonly reference: Digest;
  /** The version that was promoted. */
  readonly champion: Digest;
  /** Loss against the reference, as a fraction, never below 0. */
  readonly loss: number;
  readonly at: Date;
}

/** The accounts of the quality budgets; append-only. */
export abstract class QualityLedger {
  /** Idempotent by promotion; joins the unit of work. */
  abstract charge(charge: Charge): Promise<void>;
  /** Charges of one account, newest first. */
  abstract list(model: string, reference: Digest): Promise<Charge[]>;
}
