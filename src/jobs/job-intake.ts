import {
  type Actor,
  type AuditLog,
  type Clock,
  PhaseConflict,
  type UnitOfWork,
  type WorkQueue,
} from '../kernel/index.js';
import type { ModelStore } from '../models/index.js';
import type { TriggerStore } from '../triggers/index.js';
import { createJob } from './domain/create-job.js';
import { cancelWanted } from './domain/job-status.js';
import { type Job, JOB_TRANSITIONS } from './domain/job.js';
import type { JobStore } from './ports.js';

/** Kind of the job reconciler; its key is the job's id. */
export const JOB_KIND = 'job';

/** What is wanted of jobs from outside: that there be one, and that one end. Writes specs only. */
export class JobIntake {
  constructor(
    private readonly ports: {
      readonly jobs: JobStore;
      readonly triggers: TriggerStore;
      readonly models: ModelStore;
      readonly queue: WorkQueue;
      readonly unitOfWork: UnitOfWork;
      readonly audit: AuditLog;
      readonly clock: Clock;
    },
  ) {}

  /** Creates the trigger's job; the same once and many times. No-op when the trigger was resolved meanwhile. */
  async open(triggerId: string): Promise<void> {
    const { jobs, triggers, models, queue, unitOfWork, clock } = this.ports;
    const trigger = await triggers.require(triggerId);
    if (trigger.status.phase === 'Resolved') return;
    const job = createJob(trigger, await models.require(trigger.model), clock.now());
    await unitOfWork.run('jobs.open', async () => {
      await jobs.save(job);
      await queue.enqueue(JOB_KIND, job.id);
    });
  }

  /** Notes the wish to end; the next pass stops the runner. @throws NotFound @throws PhaseConflict when it ended already */
  async cancel(id: string, actor: Actor, reason: string): Promise<Job> {
    const { jobs, queue, unitOfWork, audit } = this.ports;
    return unitOfWork.run('jobs.cancel', async () => {
      const job = await jobs.require(id);
      const { phase } = job.status;
      if (JOB_TRANSITIONS[phase].length === 0) throw new PhaseConflict('job', id, phase, 'cancel');
      if (job.spec.cancel !== null) return job;
      const saved = await jobs.save(cancelWanted(job, actor.name, reason));
      await audit.append({
        actor: actor.name,
        role: actor.role,
        action: 'jobs.cancel',
        subject: `job/${id}`,
        reason,
        detail: { phase },
      });
      await queue.enqueue(JOB_KIND, id);
      return saved;
    });
  }
}
