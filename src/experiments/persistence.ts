import type { Persistence } from '../platform/postgres/index.js';
import { CreateExperiments1763700800000 } from './adapters/postgres/migrations/1763700800000-create-experiments.js';
import { ProgressAndMetrics1763700810000 } from './adapters/postgres/migrations/1763700810000-progress-and-metrics.js';
import { EnteredPairRow, ExperimentRow, ProgressRow } from './adapters/postgres/rows.js';

export const experimentsPersistence: Persistence = {
  entities: [ExperimentRow, EnteredPairRow, ProgressRow],
  migrations: [CreateExperiments1763700800000, ProgressAndMetrics1763700810000],
};
