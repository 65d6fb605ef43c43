import type { Persistence } from '../platform/postgres/index.js';
import { CreateRollouts1763700900000 } from './adapters/postgres/migrations/1763700900000-create-rollouts.js';
import { CreateDecisions1763700901000 } from './adapters/postgres/migrations/1763700901000-create-decisions.js';
import { DecisionRow, RequestRow, RolloutRow, SightRow } from './adapters/postgres/rows.js';

export const rolloutsPersistence: Persistence = {
  entities: [RolloutRow, RequestRow, DecisionRow, SightRow],
  migrations: [CreateRollouts1763700900000, CreateDecisions1763700901000],
};
