import type { Persistence } from '../platform/postgres/index.js';
import { CreateExperiments1763700800000 } from './adapters/postgres/migrations/1763700800000-create-experiments.js';
import { EnteredPairRow, ExperimentRow } from './adapters/postgres/rows.js';

export const experimentsPersistence: Persistence = {
  entities: [ExperimentRow, EnteredPairRow],
  migrations: [CreateExperiments1763700800000],
};
