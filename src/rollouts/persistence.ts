import type { Persistence } from '../platform/postgres/index.js';
import { CreateRollouts1763700900000 } from './adapters/postgres/migrations/1763700900000-create-rollouts.js';
import { RequestRow, RolloutRow } from './adapters/postgres/rows.js';

export const rolloutsPersistence: Persistence = {
  entities: [RolloutRow, RequestRow],
  migrations: [CreateRollouts1763700900000],
};
