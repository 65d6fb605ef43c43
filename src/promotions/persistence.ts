import type { Persistence } from '../platform/postgres/index.js';
import { CreatePromotions1763701000000 } from './adapters/postgres/migrations/1763701000000-create-promotions.js';
import { ChargeRow, PromotionRow, RecordRow } from './adapters/postgres/rows.js';

export const promotionsPersistence: Persistence = {
  entities: [PromotionRow, RecordRow, ChargeRow],
  migrations: [CreatePromotions1763701000000],
};
