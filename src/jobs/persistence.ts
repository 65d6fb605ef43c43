import type { Persistence } from '../platform/postgres/index.js';
import { AttemptFileRow, AttemptPartRow, AttemptRow } from './adapters/postgres/attempt-row.js';
import { InstallationRow } from './adapters/postgres/installation-row.js';
import { JobRow } from './adapters/postgres/job-row.js';
import { CreateJobs1763700600000 } from './adapters/postgres/migrations/1763700600000-create-jobs.js';
import { CreateAttemptExchange1763700600200 } from './adapters/postgres/migrations/1763700600200-create-attempt-exchange.js';
import { CreateInstallation1763700600300 } from './adapters/postgres/migrations/1763700600300-create-installation.js';

export const jobsPersistence: Persistence = {
  entities: [JobRow, AttemptRow, AttemptPartRow, AttemptFileRow, InstallationRow],
  migrations: [CreateJobs1763700600000, CreateAttemptExchange1763700600200, CreateInstallation1763700600300],
};
