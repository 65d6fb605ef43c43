import type { FactBus, UnitOfWork } from '../kernel/index.js';
import type { TriggerOutcomes } from '../triggers/index.js';
import { type Job, JobFailed, type JobStatus, JobSucceeded } from './domain/job.js';
import type { JobStore } from './ports.js';

type Ended = Extract<JobStatus, { phase: 'Succeeded' | 'Failed' | 'Cancelled' }>;

/** Saves a job's end together with all that follows from it. */
export class JobEndings {
  constructor(
    private readonly jobs: JobStore,
    private readonly outcomes: TriggerOutcomes,
    private readonly facts: FactBus,
    private readonly unitOfWork: UnitOfWork,
  ) {}

  async end(job: Job, status: Ended): Promise<void> {
    const { id, model } = job;
    const { trigger } = job.spec;
    await this.unitOfWork.run('jobs.end', async () => {
      await this.jobs.save({ ...job, status });
      await this.outcomes.charge?.(trigger, status.runnerSeconds, status.runnerSeconds * (job.spec.gpus ?? 0));
      if (status.phase === 'Succeeded') {
        await this.facts.publish(JobSucceeded, { job: id, model, trigger });
      } else if (status.phase === 'Failed') {
        const reason = status.failures.at(-1) ?? 'failed';
        await this.facts.publish(JobFailed, { job: id, model, trigger, reason });
        await this.outcomes.resolve(trigger, 'failed', reason);
      } else {
        await this.outcomes.resolve(trigger, 'cancelled', status.reason);
      }
    });
  }
}
