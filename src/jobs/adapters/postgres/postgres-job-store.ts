import { Injectable } from '@nestjs/common';
import { AggregateTable, Database } from '../../../platform/postgres/index.js';
import type { Occupancy } from '../../domain/admission.js';
import type { Job } from '../../domain/job.js';
import { JobStore } from '../../ports.js';

/** Any constant will do, as long as nobody else locks it. */
const ADMISSION_LOCK = 7_210_600;

const OCCUPANCY = `
  SELECT count(*) FILTER (WHERE phase = 'Running')::int AS jobs,
         coalesce(sum(coalesce((spec->>'gpus')::int, 0)) FILTER (WHERE phase = 'Running'), 0)::int AS gpus,
         coalesce(sum(coalesce((spec->>'gpus')::int, 0)) FILTER (
           WHERE phase = 'Pending' AND status->'waiting'->>'kind' = 'gpu' AND (created_at, id) < ($2, $1)
         ), 0)::int AS "gpusPromised"
    FROM jobs.job
   WHERE phase IN ('Pending', 'Running') AND id <> $1`;

const MOST_UNFINISHED = 10_000;

@Injectable()
export class PostgresJobStore extends JobStore {
  private readonly table: AggregateTable<Job>;

  constructor(private readonly db: Database) {
    super();
    this.table = new AggregateTable<Job>(db, 'jobs.job', 'job');
  }

  override find(id: string): Promise<Job | null> {
    return this.table.find(id);
  }

  override require(id: string): Promise<Job> {
    return this.table.require(id);
  }

  override list(model: string): Promise<Job[]> {
    return this.table.list({ model });
  }

  override listUnfinished(): Promise<Job[]> {
    return this.table.list({ phases: ['Pending', 'Running'], limit: MOST_UNFINISHED });
  }

  override async occupancy(job: Job): Promise<Occupancy> {
    const rows = await this.db.query<Occupancy>(OCCUPANCY, [job.id, job.createdAt]);
    return rows[0] ?? { jobs: 0, gpus: 0, gpusPromised: 0 };
  }

  override async lockAdmission(): Promise<void> {
    if (!this.db.inTransaction) throw new Error('The admission lock ends with its unit of work, and there is none.');
    await this.db.query('SELECT pg_advisory_xact_lock($1)', [ADMISSION_LOCK]);
  }

  override save(job: Job): Promise<Job> {
    return this.table.save(job);
  }
}
