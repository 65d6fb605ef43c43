import type { Persistence } from '../platform/postgres/index.js';
import { CreateTriggers1763700500000 } from './adapters/postgres/migrations/1763700500000-create-triggers.js';
import { LearnFromOutcomes1763700510000 } from './adapters/postgres/migrations/1763700510000-learn-from-outcomes.js';
import { TriggerRow } from './adapters/postgres/trigger-row.js';

export const triggersPersistence: Persistence = {
  entities: [TriggerRow],
  migrations: [CreateTriggers1763700500000, LearnFromOutcomes1763700510000],
};
