import type { Persistence } from '../platform/postgres/index.js';
import { AddEvidenceRequests1763700415000 } from './adapters/postgres/migrations/1763700415000-add-evidence-requests.js';
import { CreateMonitors1763700400000 } from './adapters/postgres/migrations/1763700400000-create-monitors.js';
import { RestartDriftTests1763700410000 } from './adapters/postgres/migrations/1763700410000-restart-drift-tests.js';

/** No entities: nothing of this stage is an aggregate. */
export const monitorsPersistence: Persistence = {
  entities: [],
  migrations: [CreateMonitors1763700400000, RestartDriftTests1763700410000, AddEvidenceRequests1763700415000],
};
