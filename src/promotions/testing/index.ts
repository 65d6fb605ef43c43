import { type Digest, NotFound, RevisionConflict } from '../../kernel/index.js';
import type { Promotion, PromotionRecord } from '../domain/promotion.js';
import { type Charge, PromotionStore, QualityLedger, RecordStore } from '../ports.js';

/** Promotions in memory, with revisions like the real store. */
export class FakePromotionStore extends PromotionStore {
  readonly promotions = new Map<string, Promotion>();
  override async find(id: string) {
    return this.promotions.get(id) ?? null;
  }
  override async require(id: string) {
    const found = await this.find(id);
    if (found === null) throw new NotFound('promotion', id);
    return found;
  }
  override async list(model: string) {
    return [...this.promotions.values()].filter((each) => each.model === model).reverse();
  }
  override async listUnfinished() {
    return [...this.promotions.values()].filter(({ status }) => status.phase === 'AwaitingApproval');
  }
  override async save(promotion: Promotion) {
    const stored = this.promotions.get(promotion.id);
    if (promotion.revision === 0 && stored !== undefined) return stored;
    if (promotion.revision !== (stored?.revision ?? 0)) throw new RevisionConflict('promotion', promotion.id);
    const saved = { ...promotion, revision: promotion.revision + 1 };
    this.promotions.set(saved.id, saved);
    return saved;
  }
}

export class FakeRecordStore extends RecordStore {
  readonly records = new Map<string, PromotionRecord>();
  override async add(record: PromotionRecord) {
    if (this.records.has(record.id)) return false;
    this.records.set(record.id, record);
    return true;
  }
  override async find(id: string) {
    return this.records.get(id) ?? null;
  }
  override async require(id: string) {
    const found = await this.find(id);
    if (found === null) throw new NotFound('record', id);
    return found;
  }
  override async list(model: string) {
    return [...this.records.values()].filter((each) => each.model === model).reverse();
  }
}

export class FakeQualityLedger extends QualityLedger {
  readonly charges: Charge[] = [];
  override async charge(charge: Charge) {
    if (!this.charges.some(({ promotion }) => promotion === charge.promotion)) this.charges.unshift(charge);
  }
  override async list(model: string, reference: Digest) {
    return this.charges.filter((each) => each.model === model && each.reference === reference);
  }
}
