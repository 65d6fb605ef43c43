import type { Persistence } from '../platform/postgres/index.js';
import { JobRow } from './adapters/postgres/job-row.js';
import { CreateJobs1763700600000 } from './adapters/postgres/migrations/1763700600000-create-jobs.js';

export const jobsPersistence: Persistence = { entities: [JobRow], migrations: [CreateJobs1763700600000] };
